//! `tollgate crds`: the custom resource definitions as YAML.

use std::process::ExitCode;

use anyhow::Context;

use crate::{args::CrdsArgs, output};

pub(crate) fn crds(args: &CrdsArgs) -> anyhow::Result<ExitCode> {
    let files = tollgate_crds::yaml_files();
    let Some(folder) = &args.out else {
        for (_, text) in files {
            output::result(&format!(
                "---\n{}",
                text.trim_start_matches("---\n").trim_end()
            ));
        }
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("make the folder {}", folder.display()))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        output::error(&format!("wrote {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}
