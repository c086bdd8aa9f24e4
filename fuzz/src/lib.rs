//! What several fuzz targets share: settings from the head of an input, and a gateway to run
//! inputs through.

mod gateway;
mod settings;

pub use gateway::{BUILD, bundle, load, options};
pub use settings::Settings;

use tollgate_bundle::Api;

/// The provider APIs.
pub fn apis() -> [Api; 3] {
    [
        Api::OpenAi {
            prefix: "v1".to_owned(),
        },
        Api::AzureOpenAi {
            version: "2025-01-01-preview".to_owned(),
        },
        Api::Anthropic {
            prefix: "v1".to_owned(),
        },
    ]
}
