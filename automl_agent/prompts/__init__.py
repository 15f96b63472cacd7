"""Prompts and recipes are templates; this room finds and fills them."""
