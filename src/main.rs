//! The program. Exit codes: 0 done, 1 failed at run time, 2 bad usage or configuration.

mod commands;

use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    end_on_panic();
    let arguments = commands::Arguments::parse();
    match commands::run(arguments) {
        Ok(code) => code,
        Err(commands::Failure::Usage(error)) => complain(&error, 2),
        Err(commands::Failure::Run(error)) => complain(&error, 1),
    }
}

/// One line: what, where, what to do.
#[expect(clippy::print_stderr, reason = "this is where errors reach the person who ran us")]
fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    let text = format!("{error:#}").replace('\n', " ");
    eprintln!("gridweaver: {text}");
    ExitCode::from(code)
}

/// A panic in any thread is a bug of ours: without this its peers would wait for it for ever.
#[expect(clippy::print_stderr, reason = "this is where errors reach the person who ran us")]
fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string().replace('\n', " ");
        eprintln!(
            "gridweaver: a bug: {text}; the output is whole up to its last tick_closed; please report this line"
        );
        std::process::exit(1);
    }));
}
