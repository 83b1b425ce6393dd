"""Reading files that anyone may have made, and writing files completely or not at all.

Reading order: `inputs` (opening files from strangers), `atomic` (writing), `sealed` (safetensors files that reveal a
flipped bit), `lock` (one writer at a time), `private` (a folder that only the user can have written to).
"""
