//! The program. Exit codes: 0 done, 1 failed at run time, 2 bad usage or configuration.

mod commands;

use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    end_on_panic();
    log_to_stderr();
    let arguments = match commands::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match commands::run(arguments) {
        Ok(code) => code,
        Err(failure) if failure.is_stop() => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(failure) if failure.is_reader_gone() => ExitCode::SUCCESS,
        Err(commands::Failure::Usage(error)) => complain(&error, 2),
        Err(commands::Failure::Run(error)) => complain(&error, 1),
    }
}

/// What was asked for on the command line makes no sense, or is help.
fn refuse(error: &clap::Error) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_help {
        error.exit();
    }
    let text = error.to_string();
    // Behind the problem, its arguments and a tip stands how the command is used.
    let told = text.lines().take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let told = told.map(str::trim).filter(|line| !line.is_empty()).map(|line| {
        let tip = line.strip_prefix("tip: ");
        tip.map_or_else(|| line.to_owned(), |tip| format!("({tip})"))
    });
    let told = told.collect::<Vec<_>>().join(" ");
    let problem = told.strip_prefix("error: ").unwrap_or(&told);
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let usage = usage.map(|usage| format!("; usage: {usage}")).unwrap_or_default();
    complain(&anyhow::anyhow!("{problem}{usage}"), 2)
}

/// One line: what, where, what to do.
#[expect(clippy::print_stderr, reason = "this is where errors reach the person who ran us")]
fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    let text = format!("{error:#}").replace('\n', " ");
    eprintln!("gridweaver: {text}");
    ExitCode::from(code)
}

/// What is told while running goes where errors go; data goes elsewhere.
fn log_to_stderr() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}

/// A panic in any thread is a bug of ours: without this its peers would wait for it for ever.
#[expect(clippy::print_stderr, reason = "this is where errors reach the person who ran us")]
fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string().replace('\n', " ");
        // How the dataflow's own connections end where the other side does.
        if text.contains("timely communication error") {
            eprintln!(
                "gridweaver: another process of the cluster has ended or can't be reached, see what it says: this one ends too; start them again together"
            );
        } else {
            eprintln!(
                "gridweaver: a bug: {text}; the output is whole up to its last tick_closed; please report this line"
            );
        }
        std::process::exit(1);
    }));
}
