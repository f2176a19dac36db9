"""Help: how it is laid out, what completion offers, and what a wrong guess meant."""
