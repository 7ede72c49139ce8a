//! A pipeline from Kafka to Kafka: topics made for it, a configuration, and `gridweaver run`.

use crate::kafka::{BROKERS, create_topic, fresh_topic, unique};
use anyhow::ensure;
use std::fs;
use std::process::{Child, Command, Stdio};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gridweaver");
const CONFIGURATION: &str = "run.toml";

/// A program at work.
pub(crate) struct Pipeline {
    child: Child,
    folder: tempfile::TempDir,
    /// Where the ends of its ticks go.
    pub(crate) tick_topic: String,
}

impl Pipeline {
    /// Starts it over the records of a topic. `engine`: lines for `[engine]`.
    pub(crate) fn start(input: &str, engine: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let orders = fresh_topic("orders", 1);
        let tick_topic = format!("{orders}.ticks");
        create_topic(BROKERS, &tick_topic, 1, &[("retention.ms", "-1")]);
        let text = format!(
            "[engine]\n{engine}\n\
             [[source]]\nkind = \"kafka\"\nbrokers = [\"{BROKERS}\"]\ntopics = [\"{input}\"]\n\
             [[sink]]\nkind = \"kafka\"\nbrokers = [\"{BROKERS}\"]\ntopic = \"{orders}\"\n\
             transactional_id = \"{}\"\n",
            unique("bench")
        );
        fs::write(folder.path().join(CONFIGURATION), text)?;
        let mut command = Command::new(PROGRAM);
        command.args(["run", CONFIGURATION]).current_dir(folder.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
        Ok(Self { child, folder, tick_topic })
    }

    /// Runs another command of the program beside it, with its configuration; returns its output.
    pub(crate) fn beside(&self, command: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut program = Command::new(PROGRAM);
        program.args([command, CONFIGURATION]).args(arguments).current_dir(self.folder.path());
        let output = program.stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "gridweaver {command} failed");
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
