"""One script per stage of dvc.yaml: read params, call the library, write the declared outs."""
