pip install '.[cam]'
