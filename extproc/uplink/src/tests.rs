//! Both ends over a real socket: the store behind it is that store, and what a broken connection
//! does.

mod conformance;
mod endings;
mod rig;
