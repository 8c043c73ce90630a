"""Images of tasks and answers: decoded and written anew (`encoding`), kept by their content (`storing`), and named in
messages (`references`).

Import from the module that has the name: Pillow is loaded when an image has to be read, not at the start.
"""
