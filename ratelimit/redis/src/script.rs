//! The Lua scripts, each with the parts that all of them share.

use redis::Script;

/// One script per kind of operation.
#[derive(Debug)]
pub(crate) struct Scripts {
    /// Hold and raise.
    pub(crate) hold: Loaded,
    pub(crate) renew: Loaded,
    pub(crate) settle: Loaded,
    pub(crate) spend: Loaded,
    /// States, grant and reset.
    pub(crate) account: Loaded,
    pub(crate) list: Loaded,
}

/// A script and the name that the server knows it by.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) source: String,
    pub(crate) sha: String,
}

// === impl Scripts ===

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            hold: Loaded::new(
                include_str!("script/hold_usual.lua"),
                include_str!("script/hold.lua"),
            ),
            renew: Loaded::new("", include_str!("script/renew.lua")),
            settle: Loaded::new("", include_str!("script/settle.lua")),
            spend: Loaded::new("", include_str!("script/spend.lua")),
            account: Loaded::new("", include_str!("script/account.lua")),
            list: Loaded::new("", include_str!("script/list.lua")),
        }
    }
}

// === impl Loaded ===

impl Loaded {
    /// `usual` is tried before the shared functions are made.
    fn new(usual: &str, operation: &str) -> Self {
        let source = [
            include_str!("script/begin.lua"),
            usual,
            include_str!("script/prelude.lua"),
            operation,
        ]
        .concat();
        Self {
            sha: Script::new(&source).get_hash().to_owned(),
            source,
        }
    }
}
