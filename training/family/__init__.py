"""plateful-tiny: the embedded model family, trained from nothing on synthetic plates.

`python -m training.family` follows `recipe.yaml` part by part (plates, tokenizer, CLIP, autoencoders, UNet),
each within its own compute budget, and exports standard diffusers / transformers folders.
"""
