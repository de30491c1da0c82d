"""What every package may use and no result depends on: errors, text made safe to show, symbolic
links, downloads, files at addresses, how a stage reports errors, and which code a result depends on.

It imports no other package of the project.
"""
