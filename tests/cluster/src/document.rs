//! The commands of a document: what stands after `$ ` in its `console` blocks. A test runs them,
//! so that what the document says is what works.

/// A command, ready for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Heading that it stands under.
    pub heading: String,
    /// Its text, lines joined as they stand.
    pub line: String,
}

/// Every command of a Markdown document, in order.
pub fn commands_of(markdown: &str) -> Vec<Command> {
    let (mut heading, mut in_block, mut continued) = (String::new(), false, false);
    let mut commands: Vec<Command> = Vec::new();
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_block = line == "```console";
            continued = false;
        } else if !in_block {
            if let Some(text) = line.strip_prefix('#') {
                heading = text.trim_start_matches('#').trim().to_string();
            }
        } else if let Some(text) = line.strip_prefix("$ ") {
            commands.push(Command {
                heading: heading.clone(),
                line: text.to_string(),
            });
            continued = text.ends_with('\\');
        } else if continued {
            if let Some(last) = commands.last_mut() {
                last.line.push('\n');
                last.line.push_str(line);
            }
            continued = line.ends_with('\\');
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_with_their_heading_and_without_their_output() {
        let text = "# A\n```console\n$ one \\\n    two\noutput\n$ three\n```\n## B\n```yaml\n$ no\n```\n\
                    ```console\n$ four\n```\n";
        let found: Vec<_> = commands_of(text)
            .into_iter()
            .map(|it| (it.heading, it.line))
            .collect();
        let expected = [("A", "one \\\n    two"), ("A", "three"), ("B", "four")];
        assert_eq!(
            found,
            expected.map(|(heading, line)| (heading.to_string(), line.to_string()))
        );
    }
}
