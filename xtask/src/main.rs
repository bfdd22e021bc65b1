//! Work around the build: what the browser is sent, and what is generated from the sources.
#![expect(clippy::print_stdout, reason = "a command-line tool speaks on standard output")]

mod licences;
mod site;
#[cfg(test)]
mod style;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  site                 build the WASM, script, style, typeface and icon into target/site, with .br and .gz beside each
  licences [--check]   write THIRD-PARTY-LICENCES.md, or say whether it is what is shipped";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["site"] => site::build(),
        ["licences"] => licences::run(false),
        ["licences", "--check"] => licences::run(true),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        unknown => Err(anyhow::anyhow!("no such command: {}\n\n{HELP}", unknown.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
