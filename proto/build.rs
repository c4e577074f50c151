//! Compiles `proto/` with protox, so `protoc` is not needed, and keeps the descriptor for reflection.

use prost::Message as _;
use std::{env, fs, path::PathBuf};

const FILES: [&str; 7] = ["types", "credentials", "accounts", "trust", "inspect", "shares", "gates"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/claviger");
    let files = FILES.map(|name| format!("proto/claviger/v1/{name}.proto"));
    let descriptors = protox::compile(files, ["proto"])?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_server(env::var("CARGO_FEATURE_SERVER").is_ok())
        .build_client(env::var("CARGO_FEATURE_CLIENT").is_ok())
        .build_transport(false)
        .codec_path("crate::codec::Codec")
        // Decoded in order, so that the daemon compares sessions without sorting them first.
        .btree_map(".claviger.v1.SessionContext")
        // A stray `?request` must not print a secret: Debug is written by hand, in src/proto.rs and src/secret.rs.
        .skip_debug([".claviger.v1.SessionContext"])
        .extern_path(".claviger.v1.Secret", "crate::secret::Secret")
        .compile_fds(descriptors)?;
    Ok(())
}
