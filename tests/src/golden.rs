//! Texts that people read, checked in, so that a change of them is reviewed in one place.

use std::path::Path;

/// Compares a text with a checked-in file. With `UPDATE_TEXTS` in the environment, writes the file instead.
pub fn assert_golden(file: &Path, text: &str) {
    if std::env::var_os("UPDATE_TEXTS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    if kept == text {
        return;
    }
    let place = kept.lines().zip(text.lines()).position(|(one, other)| one != other);
    let line = place.unwrap_or(kept.lines().count().min(text.lines().count()));
    panic!(
        "{} differs from line {}: `{}` is now `{}`. Run the test with UPDATE_TEXTS=1 to write it again",
        file.display(),
        line + 1,
        kept.lines().nth(line).unwrap_or_default(),
        text.lines().nth(line).unwrap_or_default(),
    );
}

/// Returns the help of a program and of each of its commands, with `program` in the place of its path.
pub fn help(program: &Path) -> String {
    let mut all = String::new();
    help_of(program, &mut Vec::new(), &mut all);
    all
}

fn help_of(program: &Path, command: &mut Vec<String>, all: &mut String) {
    let output = std::process::Command::new(program).args(&*command).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let name = program.file_name().unwrap().to_str().unwrap();
    all.push_str(&format!(
        "$ {name} {}--help\n{text}\n",
        command.iter().map(|word| format!("{word} ")).collect::<String>()
    ));
    let commands = text.split("\nCommands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap_or_default();
    // Each begins with two spaces; continued lines have more.
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        command.push(name.to_owned());
        help_of(program, command, all);
        command.pop();
    }
}
