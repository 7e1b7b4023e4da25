"""Tables in and out, and model files; import the modules, so that nothing optional is loaded."""
