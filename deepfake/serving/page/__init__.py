"""The web page. It has a folder of its own because Streamlit puts the folder of its script first on
the import path, where `queue` and `html` must be those of Python.
"""
