"""Files that anybody may have made, and files that are whole or not there.

Reading order: `inputs` (opening what strangers send), `atomic` (writing), `sealed` (safetensors that notice a flipped
bit), `lock` (one writer at a time), `private` (a folder that only the user can have written to).
"""
