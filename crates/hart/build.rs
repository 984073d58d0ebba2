//! Tells the crate whether it is being optimised.
//!
//! Threaded dispatch relies on tail calls becoming jumps, which only optimised builds do; without them every guest
//! instruction would take host stack. A profile can set the level of this crate alone, so it is asked for here.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(optimized)");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level != "0") {
        println!("cargo::rustc-cfg=optimized");
    }
}
