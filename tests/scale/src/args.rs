//! What the command is told.

use clap::Parser;

use crate::shape::Shape;

/// Measures how Tollgate keeps up with many routes, in the cluster of KUBECONFIG.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Numbers of routes; each is measured on its own
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1000, 5000])]
    pub(crate) sizes: Vec<usize>,
    /// What routes look like
    #[arg(long, value_delimiter = ',', default_values = ["hosts", "paths", "ai"])]
    pub(crate) shapes: Vec<Shape>,
    /// Single changes for each number
    #[arg(long, default_value_t = 20)]
    pub(crate) changes: usize,
    /// Gateways that are created, one after the other
    #[arg(long, default_value_t = 5)]
    pub(crate) gateways: usize,
    /// Routes that are written at the same time, where kubectl does not write
    #[arg(long, default_value_t = 8)]
    pub(crate) writers: usize,
}
