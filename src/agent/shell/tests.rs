use std::path::Path;

/// Commands, the paths that they are certain to write, and whether they may write more.
const COMMANDS: &[(&str, &str, bool)] = &[
    ("sed -i s/new/newer/ src/cart.rs && echo hi > src/log.rs", "src/cart.rs src/log.rs", false),
    ("git mv src/mail.rs src/post.rs; git rm -q docs/old.md", "src/mail.rs src/post.rs docs/old.md", false),
    ("cat > src/tax.rs <<'EOF'\npub fn tax() {}\n# rm src/cart.rs\nEOF", "src/tax.rs", false),
    ("cargo test 2>&1 | tail -5 >&2", "", true),
    ("ls -la 2>/dev/null; git status", "", false),
    ("bash -c 'cp a.txt src/cart.rs'", "src/cart.rs", false),
    ("bash -lc \"rm -f docs/old.md && touch x\"", "docs/old.md x", false),
    ("python3 - <<'E'\nopen('src/cart.rs','w').write('x')\nE", "", true),
    ("rg 'sed -i' src > /dev/null && git diff --stat", "", false),
    ("echo 'a > b' \"c > d\" e\\>f", "", false),
    ("echo x >> a 2>> b &> c", "a b c", false),
    ("echo x >| a", "a", false),
    ("echo x >&2", "", false),
    ("echo x 1>&2 2>&1", "", false),
    ("echo x >& both", "both", false),
    ("make -j4 > build.log", "build.log", true),
    ("tee -a one two < in", "one two", false),
    ("cat a | sudo tee /w/b > /dev/null", "/w/b", false),
    ("mv -f a b", "a b", false),
    ("mv a b dir/", "a b dir/a dir/b", false),
    ("cp -t dir a b", "dir/a dir/b", false),
    ("cp --target-directory=dir a", "dir/a", false),
    ("cp -r a/. dir/", "", true),
    ("ln -s target link", "link", false),
    ("rm -rf -- -odd 'with space'", "-odd with space", false),
    ("sed -n 1,5p a", "", false),
    ("sed -n -i.bak -e s/a/b/ -e s/c/d/ one two", "one two", false),
    ("sed -Ei 's/a/b/' one", "one", false),
    ("sed -i '' 's/a/b/' one", "one", false),
    ("sed --in-place=.orig 's/a/b/' one", "one", false),
    ("sed 's/a/b/w out' in", "", true),
    ("perl -pi -e 's/a/b/' one two", "one two", false),
    ("perl -i.bak -pe 's/a/b/' one", "one", false),
    ("perl -e 'unlink \"a\"'", "", true),
    ("dd if=/dev/zero of=img bs=1 count=1", "img", false),
    ("sort -u -o sorted in", "sorted", false),
    ("truncate -s 0 log; touch -d now stamp", "log stamp", false),
    ("chmod +x run.sh", "run.sh", false),
    ("cd src && rm a.rs && cd .. && rm b", "src/a.rs src/../b", false),
    ("(cd src; rm a.rs); rm b", "src/a.rs b", false),
    ("cd \"$DIR\" && rm a.rs", "", true),
    ("rm \"$FILE\" plain", "plain", true),
    ("for f in a b; do rm $f; done", "", true),
    ("if test -f a; then rm a; else touch b; fi", "a b", false),
    ("FOO=bar BAZ=1 rm a", "a", false),
    ("env -u X A=b timeout 10 nice -n 5 rm a", "a", false),
    ("x=$(cat > made <<E\nt\nE\n)", "made", false),
    ("echo `rm inner`", "inner", false),
    ("[[ a > b ]] && (( 3 > 2 )) && echo ok", "", false),
    ("f() { rm a; }; f", "", true),
    ("git checkout -- src/cart.rs", "src/cart.rs", false),
    ("git checkout main", "", true),
    ("git checkout HEAD~1 -- a b", "a b", false),
    ("git -C sub restore --source=HEAD a", "sub/a", false),
    ("git restore --staged a", "", false),
    ("git reset --hard", "", true),
    ("git -c a.b=c commit -qm 'rm x > y'", "", false),
    ("curl -sSLo out https://example.org/x", "out", false),
    (
        "apply_patch <<'EOP'\n*** Begin Patch\n*** Add File: src/here.rs\n+x\n*** End Patch\nEOP\n",
        "src/here.rs",
        false,
    ),
    ("find . -name '*.rs' -delete", "", true),
    ("find . -name '*.rs' | xargs grep -l x", "", false),
    ("find . | xargs rm", "", true),
    ("touch {a,b}.rs src/{c,d{1,2}}", "a.rs b.rs src/c src/d1 src/d2", false),
    ("echo unclosed 'quote", "", true),
    ("true # > comment", "", false),
    ("eval 'rm a'", "a", false),
    ("rm ~/notes", "/home/u/notes", false),
    ("rm a\\ b", "a b", false),
    ("echo a;rm b&rm c|cat", "b c", false),
    ("cat <<A <<-B > out\nrm no\nA\n\trm no\n\tB\nrm yes", "out yes", false),
];

#[test]
fn commands_and_what_they_are_certain_to_write() {
    for (command, paths, more) in COMMANDS {
        let found = super::writes(command, Some(Path::new("")), Some(Path::new("/home/u")));
        let list: Vec<String> = found.list.iter().map(|w| w.path.display().to_string()).collect();
        assert_eq!((list.join(" ").as_str(), found.may_write_more), (*paths, *more), "{command}");
    }
    assert!(COMMANDS.len() >= 60);
}

#[test]
fn patterns_stand_for_what_is_there() {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["a.rs", "b.rs", ".hidden.rs", "c.md", "*.md"] {
        std::fs::write(dir.path().join(name), "").expect("written");
    }
    let names = |command: &str| {
        let found = super::writes(command, Some(dir.path()), None);
        let name = |w: &crate::agent::tools::Write| {
            w.path.strip_prefix(dir.path()).expect("inside").display().to_string()
        };
        (found.list.iter().map(name).collect::<Vec<_>>().join(" "), found.may_write_more)
    };
    assert_eq!(names("rm *.rs"), ("a.rs b.rs".into(), false));
    assert_eq!(names("rm '*.md'"), ("*.md".into(), false));
    assert_eq!(names("rm \\*.md"), ("*.md".into(), false));
    assert_eq!(names("rm {a,c}.* none*"), ("a.rs c.md".into(), false));
    assert_eq!(names("echo x > *.rs"), (String::new(), true), "a shell refuses this, or writes one of them");
}
