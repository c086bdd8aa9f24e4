//! What the cluster tests say to a cluster: kubectl and helm as a person would call them, steady
//! traffic, faults of its processes, strangers at the controller, and the commands of a document.
//!
//! The tests run inside the node's network namespace (`tests/cluster/exec`), so the addresses of
//! load balancers and pods are theirs to call.

#![forbid(unsafe_code)]

mod conditions;
mod document;
mod fault;
mod kubectl;
mod link;
mod release;
mod steady;

pub use conditions::{Condition, conditions_of};
pub use document::{Command, commands_of};
pub use fault::{Frozen, api_server, freeze, kill, processes_of};
pub use kubectl::{applied, apply, condition_true, force_delete_pod, kubectl, object, pods, shell};
pub use link::{Certificate, LinkAnswer, ask_link};
pub use release::{NAMESPACE, install, nothing_is_left, uninstall, upgrade};
pub use steady::{Calls, Steady};
