//! The program in the documentation of the library, unchanged.

mod program {
    include!("../../src/example.rs");

    pub(super) fn run() -> Result<(), Box<dyn std::error::Error>> {
        main()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In this workspace reqwest is built without a provider of its own.
    drop(rustls::crypto::ring::default_provider().install_default());
    program::run()
}
