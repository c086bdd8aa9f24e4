//! Where `tollgate run` gets its configuration: paths, the environment, or the demo.

use std::path::PathBuf;

use anyhow::Context;
use tollgate_controller::{
    autoconfig::autoconfig,
    demo::{DEMO_KEY_ALICE, DEMO_KEY_BOB, DEMO_MODEL, demo_manifests},
    source::folder::Manifests,
};
use tollgate_provider::{Simulator, SimulatorConfig};

/// A configuration, and what has to live as long as it.
pub(crate) enum Origin {
    /// Simulated providers, while this value lives.
    Demo {
        text: String,
        _providers: [Simulator; 2],
    },
    /// Provider keys in the environment.
    Environment { text: String, notes: Vec<String> },
    /// Manifests.
    Paths(Vec<PathBuf>),
}

// === impl Origin ===

impl Origin {
    /// Paths win over the environment, the environment over the demo.
    ///
    /// # Errors
    ///
    /// The environment has keys but cannot be used, or the demo's providers cannot be started.
    pub(crate) async fn find(paths: &[PathBuf]) -> anyhow::Result<Self> {
        if !paths.is_empty() {
            return Ok(Self::Paths(paths.to_vec()));
        }
        let found = autoconfig(&|name| std::env::var(name).ok())
            .context("make a configuration of the provider keys in the environment")?;
        if let Some(found) = found {
            return Ok(Self::Environment {
                text: found.manifests,
                notes: found.notes,
            });
        }
        let openai = simulator().await?;
        let anthropic = simulator().await?;
        Ok(Self::Demo {
            text: demo_manifests(openai.addr(), anthropic.addr()),
            _providers: [openai, anthropic],
        })
    }

    /// What to serve.
    pub(crate) fn manifests(&self) -> Manifests {
        match self {
            Self::Demo { text, .. } => Manifests::Text {
                name: "demo",
                text: text.as_str().into(),
            },
            Self::Environment { text, .. } => Manifests::Text {
                name: "environment",
                text: text.as_str().into(),
            },
            Self::Paths(paths) => Manifests::Paths(paths.clone()),
        }
    }

    /// What to try, once the gateway serves at `url`.
    pub(crate) fn hint(&self, url: &str) -> Option<String> {
        match self {
            Self::Demo { .. } => Some(demo_hint(url)),
            Self::Environment { notes, .. } => {
                let mut lines = notes.clone();
                lines.push(format!("try:\n\n{}\n", curl(url, None, "MODEL")));
                Some(lines.join("\n"))
            }
            Self::Paths(_) => None,
        }
    }
}

async fn simulator() -> anyhow::Result<Simulator> {
    Simulator::start(SimulatorConfig::default())
        .await
        .context("start a simulated provider")
}

fn demo_hint(url: &str) -> String {
    format!(
        "\nNo provider key was found, so two simulated providers answer: OpenAI first, then Anthropic.\n\
         Model {DEMO_MODEL}; client keys {DEMO_KEY_ALICE} (alice) and {DEMO_KEY_BOB} (bob), each with a small token budget.\n\
         Try:\n\n{}\n\n\
         Ask until alice's budget is spent: she gets 429, bob is still served. Ctrl-C stops.\n",
        curl(url, Some(DEMO_KEY_ALICE), DEMO_MODEL),
    )
}

fn curl(url: &str, key: Option<&str>, model: &str) -> String {
    let key = key.map_or(String::new(), |key| {
        format!("-H 'authorization: Bearer {key}' ")
    });
    format!(
        "curl {url}/v1/chat/completions {key}-H 'content-type: application/json' \\\n  \
         -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
    )
}
