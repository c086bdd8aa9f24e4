//! The exchange driven as a host drives it, with the real ledger in memory: one call at a time,
//! no proxy.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod host;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod meters;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod subjects;
