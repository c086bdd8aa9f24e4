//! The options of `tollgate probe`.

#[derive(Debug, clap::Args)]
pub(crate) struct ProbeArgs {
    /// What to ask, such as http://127.0.0.1:19001/ready
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Ask again for so many seconds before giving up.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) within: u64,
}
