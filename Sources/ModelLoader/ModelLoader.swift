import CHDF5
import Transformer

/// Placeholder so that the module builds; replaced by the loader.
enum ModelLoaderPlaceholder {}
