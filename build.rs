//! Links the release program statically where that works.
//!
//! A `git coord claim` takes about a millisecond and a half, of which a dynamically linked
//! program spends a fifth on finding its libraries and correcting its addresses. The supported
//! way to avoid that, `-C target-feature=+crt-static`, cannot be asked for here: as a flag of the
//! whole build it excludes procedural macros. So the linker is given stand-ins for the shared
//! libraries, each of which names the static one. Whether the result runs is tried with a small
//! program first; where it does not, or on any other system, the program is linked as usual.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Uses what could go wrong: allocation, threads, unwinding, files.
const TRIAL: &str = r#"fn main() {
    std::panic::set_hook(Box::new(|_| ()));
    let thread = std::thread::spawn(|| std::fs::read("/proc/self/stat").is_ok());
    let caught = std::panic::catch_unwind(|| panic!("caught"));
    println!("{} {}", thread.join().is_ok(), caught.is_err());
}"#;

#[allow(clippy::disallowed_methods, reason = "build scripts are told everything by variables")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let native = var("HOST") == var("TARGET");
    if var("CARGO_CFG_TARGET_OS") != "linux" || var("PROFILE") != "release" || !native {
        return;
    }
    let dir = PathBuf::from(var("OUT_DIR")).join("static");
    if let Some(args) = stand_ins(&dir, &linker(&var("RUSTC_LINKER")))
        && runs(&dir, &var("RUSTC"), &args)
    {
        for arg in args {
            println!("cargo:rustc-link-arg-bins={arg}");
        }
    }
}

fn linker(named: &str) -> String {
    if named.is_empty() { "cc".to_owned() } else { named.to_owned() }
}

/// Writes the stand-ins; returns the arguments that make the linker use them.
fn stand_ins(dir: &Path, linker: &str) -> Option<Vec<String>> {
    std::fs::create_dir_all(dir).ok()?;
    for (shared, parts) in [
        ("libc.so", &["libc.a"] as &[&str]),
        ("libm.so", &["libm.a"]),
        ("libgcc_s.so", &["libgcc.a", "libgcc_eh.a"]),
    ] {
        let files: Option<Vec<String>> = parts.iter().map(|p| library(linker, p)).collect();
        std::fs::write(dir.join(shared), format!("GROUP({})\n", files?.join(" "))).ok()?;
    }
    // The last one because some linkers take the state at the end for that of the whole.
    let here = format!("-L{}", dir.display());
    Some(vec!["-static".into(), "-no-pie".into(), here, "-Wl,-Bstatic".into()])
}

/// Where the linker finds a static library; it prints the bare name when it finds none.
#[allow(clippy::disallowed_methods, reason = "a build script has no runner")]
fn library(linker: &str, name: &str) -> Option<String> {
    let output = Command::new(linker).arg(format!("-print-file-name={name}")).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Path::new(&path).is_absolute().then_some(path)
}

/// True when a program linked like that does what it should.
#[allow(clippy::disallowed_methods, reason = "a build script has no runner")]
fn runs(dir: &Path, rustc: &str, args: &[String]) -> bool {
    let (source, program) = (dir.join("trial.rs"), dir.join("trial"));
    if std::fs::write(&source, TRIAL).is_err() {
        return false;
    }
    let mut command = Command::new(rustc);
    command.arg("--edition=2021").arg(&source).arg("-o").arg(&program);
    for arg in args {
        command.arg(format!("-Clink-arg={arg}"));
    }
    let built = command.output().is_ok_and(|o| o.status.success());
    built && Command::new(&program).output().is_ok_and(|o| o.stdout == b"true true\n")
}
