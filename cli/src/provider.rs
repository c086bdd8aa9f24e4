//! `tollgate provider`: the provider simulator by itself.

use std::process::ExitCode;

use anyhow::Context;
use tollgate_provider::{Simulator, SimulatorConfig};

use crate::{args::ProviderArgs, logging, output};

pub(crate) fn provider(args: &ProviderArgs) -> anyhow::Result<ExitCode> {
    let _logs = logging::start(&args.log)?;
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    runtime.block_on(async {
        let config = SimulatorConfig {
            address: args.listen,
            ..SimulatorConfig::default()
        };
        let simulator = Simulator::start(config).await?;
        let address = simulator.addr();
        output::result(&format!("ready http://{address}/v1"));
        output::error(&format!(
            "OpenAI:    http://{address}/v1/chat/completions\n\
             Anthropic: http://{address}/v1/messages\n\
             tally:     http://{address}/_control/tally\n\
             faults:    PUT http://{address}/_control/faults"
        ));
        crate::serving::stop_signal().await?;
        Ok(ExitCode::SUCCESS)
    })
}
