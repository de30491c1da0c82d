"""The web page. It is in its own folder because Streamlit puts the folder of its script first on
the import path, where modules named `queue` and `html` would hide those of Python.
"""
