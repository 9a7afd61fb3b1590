//! Pages with commands: each block is run unchanged in an empty folder, and prints what the page
//! shows.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use twofactor_tests::authors::{bash, skipped};

/// Separates the output of one block from the next: its number and when it began.
const MARK: &str = "@@block";

/// Commands, and what they show.
struct Block {
    commands: String,
    shown: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    // Every second piece is between fences.
    for fenced in page.split("\n```").skip(1).step_by(2) {
        let (kind, text) = fenced.split_once('\n').unwrap();
        match kind {
            "sh" => blocks.push(Block { commands: text.to_owned(), shown: String::new() }),
            "text" => blocks.last_mut().unwrap().shown.push_str(text),
            // Not to be pasted.
            "toml" | "console" | "json" => {}
            other => panic!("a block of the kind `{other}`"),
        }
    }
    blocks
}

/// Returns whether the shown lines occur in the output in this order; `…` stands for any text.
fn missing<'a>(shown: &'a str, said: &str) -> Option<&'a str> {
    let mut rest = said;
    for line in shown.lines() {
        for part in line.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            let Some(at) = rest.find(part) else { return Some(line) };
            rest = &rest[at + part.len()..];
        }
    }
    None
}

/// Runs the blocks of a page that is a file. `before` is run first and is not on the page.
pub(crate) fn works_as_it_stands(page: &Path, needs: &[&str], before: &str) {
    follow(page, needs, before, "");
}

/// Runs the blocks of a page on which a component is built. Returns it as the first block that has it left it; `None` where the page cannot
/// be followed.
pub(crate) fn builds_as_it_stands(page: &Path, needs: &[&str], component: &str) -> Option<Vec<u8>> {
    let keep =
        format!("if [ -e {component} ] && [ ! -e \"$HERE/first.wasm\" ]; then cp {component} \"$HERE/first.wasm\"; fi");
    let folder = follow(page, needs, "HERE=$PWD", &keep)?;
    Some(fs::read(folder.path().join("first.wasm")).unwrap())
}

/// Returns the folder in which the blocks were run; `after` was run after each of them.
fn follow(page: &Path, needs: &[&str], before: &str, after: &str) -> Option<TempDir> {
    let name = page.file_name().unwrap().to_string_lossy();
    // One of several will do.
    if let Some(lacking) = needs.iter().find(|programs| !programs.split('|').any(has)) {
        skipped(&format!("the tutorial {name} needs {lacking}, which is not installed"));
        return None;
    }
    let blocks = blocks(&fs::read_to_string(page).unwrap());
    assert!(!blocks.is_empty(), "{name}");
    let mut script = format!("exec 2>&1\ntrap 'jobs -p | xargs -r kill' EXIT\n{before}\n");
    for (number, block) in blocks.iter().enumerate() {
        script.push_str(&format!("echo; echo {MARK} {number} $(date +%s%N)\n{}\n{after}\n", block.commands));
    }
    script.push_str(&format!("echo; echo {MARK} {} $(date +%s%N)\n", blocks.len()));
    let folder = tempfile::tempdir().unwrap();
    let output = bash(env!("CARGO_BIN_EXE_twofactor").as_ref(), folder.path())
        .args(["-euo", "pipefail", "-c", &script])
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let parts: Vec<(u128, &str)> = said
        .split(&format!("\n{MARK} "))
        .skip(1)
        .map(|part| {
            let (head, text) = part.split_once('\n').unwrap();
            (head.split_once(' ').unwrap().1.parse().unwrap(), text)
        })
        .collect();
    if !output.status.success() {
        let (_, text) = parts.last().unwrap();
        let failed = &blocks[parts.len() - 1].commands;
        // What a registry has to be asked for; not what was made of it.
        if failed.contains("npm install") || failed.contains("pip install") {
            skipped(&format!("the tutorial {name} cannot be followed here: {text}"));
            return None;
        }
        panic!("{name}: this failed:\n{failed}\nIt said:\n{text}");
    }
    for (number, block) in blocks.iter().enumerate() {
        let ((begun, text), (ended, _)) = (parts[number], parts[number + 1]);
        if let Some(line) = missing(&block.shown, text) {
            panic!("{name}: `{line}` is shown for\n{}\nwhich said:\n{text}", block.commands);
        }
        let first = block.commands.lines().next().unwrap();
        println!("{name}: {:5.1} s  {first}", (ended - begun) as f64 / 1e9);
    }
    Some(folder)
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
