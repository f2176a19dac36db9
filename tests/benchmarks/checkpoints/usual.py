"""The usual script: python usual.py FOLDER TEXT prints the weights of layer 5, head 1, by way of transformers."""

import sys

import torch
from transformers import AutoModel, AutoTokenizer

folder, text = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModel.from_pretrained(folder, attn_implementation="eager")
given = tokenizer(text, return_tensors="pt")
with torch.no_grad():
    weights = model(**given, output_attentions=True).attentions[5][0, 1]
print(*tokenizer.convert_ids_to_tokens(given["input_ids"][0]))
for row in weights:
    print(" ".join(f"{value:.4f}" for value in row.tolist()))
