//! The binary `rampart`.

/// A page is made of thousands of small pieces that live as long as its request; this one costs a third of glibc's time
/// for them, and gives back what a large report took.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    server::cli::run().await
}
