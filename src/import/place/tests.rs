//! Tests of `place.rs`.

use super::*;

fn places() -> Places {
    Places::new(Path::new("/home/me/repo"), None, &[])
}

fn uri(text: &str) -> Result<String, String> {
    places().uri(text).map(|p| p.to_string()).map_err(|e| e.to_string())
}

fn path(text: &str) -> Result<String, String> {
    places().path(text).map(|p| p.to_string()).map_err(|e| e.to_string())
}

#[test]
fn uris_of_files_in_the_repository() {
    for form in [
        "file:///home/me/repo/src/a%20b.py",
        "file://localhost/home/me/repo/src/a%20b.py",
        "file:/home/me/repo/src/a%20b.py",
        "FILE:///home/me/../me/repo//src/./a%20b.py",
        "/home/me/repo/src/a%20b.py",
        "src/a%20b.py",
        "./src/a%20b.py",
    ] {
        assert_eq!(uri(form).as_deref(), Ok("src/a b.py"), "{form}");
    }
    assert_eq!(uri("file:///home/me/repo").as_deref(), Ok("."));
    assert_eq!(uri(r"src\a.cs").as_deref(), Ok("src/a.cs"), "what Windows writes");
}

#[test]
fn a_byte_that_is_not_utf_8_has_the_same_name_as_in_git() {
    let expected = RepoPath::from_bytes(b"caf\xe9.txt").expect("valid").to_string();
    assert_eq!(uri("caf%E9.txt"), Ok(expected.clone()));
    assert_eq!(uri("file:///home/me/repo/caf%E9.txt"), Ok(expected));
}

#[test]
fn what_is_outside_says_so() {
    for form in ["file:///home/me/repo2/a", "file:///home/me", "/etc/passwd", "file:///home/me/repo/../x"] {
        let reason = uri(form).expect_err(form);
        assert!(reason.ends_with(": outside the repository"), "{reason}");
    }
    assert!(uri("../a").is_err());
    assert_eq!(uri("https://x.org/a"), Err("https://x.org/a: not the URI of a file".into()));
    assert_eq!(uri("file:///home/me/repo/.git/x"), Err(".git/x: inside git's own folder".into()));
    assert!(uri("a%00b").is_err());
}

#[test]
fn relative_paths_start_from_the_base() {
    let base = RepoPath::parse("web app").expect("valid");
    let places = Places::new(Path::new("/home/me/repo"), Some(&base), &[]);
    let text = |path: Result<RepoPath, NoPlace>| path.map(|p| p.to_string()).map_err(|e| e.to_string());
    assert_eq!(text(places.path("src/a.ts")).as_deref(), Ok("web app/src/a.ts"));
    assert_eq!(text(places.path("../lib/a.ts")).as_deref(), Ok("lib/a.ts"));
    assert_eq!(
        text(places.uri("src/caf%E9")),
        RepoPath::from_bytes(b"web app/src/caf\xe9").map(|p| p.to_string()).map_err(|e| e.to_string())
    );
    assert_eq!(text(places.path("/home/me/repo/a")).as_deref(), Ok("a"));
    assert!(places.path("../../a").is_err());
}

#[test]
fn native_paths_are_not_decoded() {
    assert_eq!(path("a%20b").as_deref(), Ok("a%20b"));
    assert_eq!(path("/home/me/repo/x:y").as_deref(), Ok("x:y"));
    assert!(path("/elsewhere/x").is_err());
    assert_eq!(
        Places::new(Path::new("/"), None, &[]).path("/a/b").map(|p| p.to_string()).as_deref(),
        Ok("a/b")
    );
}

/// A worktree with these files.
fn worktree(files: &[&str]) -> (tempfile::TempDir, Places) {
    let top = tempfile::tempdir().expect("a folder");
    for file in files {
        let path = top.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, "").expect("a file");
    }
    let places = Places::new(top.path(), None, &[]);
    (top, places)
}

#[test]
fn a_path_of_another_machine_is_found_by_its_longest_suffix() {
    let (_top, places) = worktree(&["src/a.js", "packages/x/src/a.js", "stdio.h"]);
    let path = |text: &str| places.path(text).map(|p| p.to_string()).map_err(|e| e.to_string());
    assert_eq!(path("/home/ci/shop/packages/x/src/a.js").as_deref(), Ok("packages/x/src/a.js"));
    assert_eq!(places.new_prefix().as_deref(), Some("/home/ci/shop"));
    assert_eq!(places.new_prefix(), None);
    assert_eq!(path("/home/ci/shop/src/gone.js").as_deref(), Ok("src/gone.js"), "the same top");
    assert_eq!(path(r"D:\a\shop\src\a.js").as_deref(), Ok("src/a.js"));
    assert!(path("/usr/include/stdio.h").is_err(), "a header of the system");
    assert!(path("/home/ci/shop/node_modules/y/src/a.js").is_err(), "a package");
    assert!(path("/home/me/elsewhere/b.js").is_err());
    assert_eq!(path("../../src/a.js").as_deref(), Ok("src/a.js"), "from a build folder");
    assert!(path("../../src/b.js").is_err());
}

#[test]
fn a_prefix_that_is_named_stands_for_the_top() {
    let strip = ["/home/runner/build/shop/shop/".to_owned(), r"C:\ws".to_owned(), "shop".to_owned()];
    let places = Places::new(Path::new("/home/me/repo"), None, &strip);
    for (text, expected) in [
        ("/home/runner/build/shop/shop/src/a.js", "src/a.js"),
        (r"c:\ws\src\a.js", "src/a.js"),
        ("shop/src/a.js", "src/a.js"),
        ("shopping/a.js", "shopping/a.js"),
    ] {
        assert_eq!(places.path(text).map(|p| p.to_string()).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_path_has_a_longest_length_and_depth() {
    assert!(path(&"a/".repeat(20_000)).is_err());
    assert!(path(&"a/".repeat(300)).expect_err("deep").contains("255 components"));
    assert!(path(&"a".repeat(5000)).expect_err("long").contains("4096 bytes"));
    assert!(path(&"a/".repeat(254)).is_ok());
}

#[test]
#[cfg(unix)]
fn a_file_behind_a_link_has_the_path_that_git_knows() {
    let (top, _) = worktree(&["real/x", "real/deep/y"]);
    std::os::unix::fs::symlink("real", top.path().join("link")).expect("a link");
    std::os::unix::fs::symlink("/etc", top.path().join("away")).expect("a link");
    let places = Places::new(&top.path().canonicalize().expect("there"), None, &[]);
    for (text, expected) in [
        ("link/x", "real/x"),
        ("link/deep/y", "real/deep/y"),
        ("link", "link"),
        ("away/passwd", "away/passwd"),
        ("no/x", "no/x"),
    ] {
        assert_eq!(places.path(text).map(|p| p.to_string()).as_deref(), Ok(expected));
    }
}
