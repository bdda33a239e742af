// Gates are learned on a loaded model: who imports this module has the model, its decoder and its tokenizer.
@_exported import ModelLoader
