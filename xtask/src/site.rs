//! Builds what the browser is sent into `target/site`: WASM, script, style, typeface, icon, under names that change
//! with their content, so that the server may let browsers keep them for ever.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// What everything sent on a first visit may weigh, and what script and WASM may, compressed (INTERFACE, budgets).
const FIRST_VISIT_MAX_BYTES: usize = 250_000;
const SCRIPT_MAX_BYTES: usize = 150_000;

/// Builds the site unless nothing that it is made from has changed since the last time.
pub fn build() -> Result<()> {
    let started = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
    let site = root.join("target/site");
    let stamp = root.join("target/site.stamp");

    let fingerprint = fingerprint(root)?;
    if fs::read_to_string(&stamp).is_ok_and(|last| last == fingerprint) && site.join("manifest.json").exists() {
        return Ok(());
    }

    let (script, wasm) = wasm(root)?;
    let font = fs::read(root.join("node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"))
        .context("reading the typeface: run scripts/prepare-npm.sh first")?;
    let icon = fs::read(root.join("style/icon.svg")).context("reading style/icon.svg")?;

    let mut bundle = Bundle { folder: site.join("pkg"), files: BTreeMap::new() };
    fs::create_dir_all(&bundle.folder).with_context(|| format!("making {}", bundle.folder.display()))?;
    bundle.add("script", "rampart", "js", script.as_bytes())?;
    bundle.add("wasm", "rampart", "wasm", &wasm)?;
    let font = bundle.add("font", "inter", "woff2", &font)?;
    bundle.add("icon", "icon", "svg", &icon)?;
    let style = style(root)?.replace("inter-latin.woff2", &font);
    bundle.add("style", "rampart", "css", style.as_bytes())?;
    bundle.drop_others()?;
    fs::write(site.join("manifest.json"), bundle.manifest()?)?;

    bundle.report(started);
    bundle.check_budget()?;
    fs::write(stamp, fingerprint).context("noting what the site was built from")
}

/// Compiles the islands; answers the script that loads them, and the optimised WASM.
fn wasm(root: &Path) -> Result<(String, Vec<u8>)> {
    // A target folder of its own: host and WASM builds then never wait for each other's lock.
    let target_dir = root.join("target/wasm");
    run(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["build", "--quiet", "--package", "app", "--lib", "--no-default-features", "--features", "hydrate"])
        .args(["--target", TARGET, "--profile", "wasm-release", "--target-dir"])
        .arg(&target_dir))?;

    let scratch = target_dir.join("site");
    fs::create_dir_all(&scratch)?;
    Bindgen::new()
        .input_path(target_dir.join(TARGET).join("wasm-release/app.wasm"))
        .out_name("rampart")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&scratch)
        .context("writing the script around the WASM")?;
    ensure!(
        !scratch.join("snippets").exists(),
        "a dependency brings its own script files, which the site does not ship"
    );

    // Most changes are to pages, which leave the islands as they were.
    let raw = scratch.join("rampart_bg.wasm");
    let optimised = scratch.join(format!("optimised.{}.wasm", hash(&fs::read(&raw)?)));
    if !optimised.exists() {
        // The features that rustc 1.95 turns on for this target; wasm-bindgen drops the section that names them.
        run(Command::new(root.join("node_modules/.bin/wasm-opt"))
            .args(["-Oz", "--enable-bulk-memory", "--enable-mutable-globals", "--enable-sign-ext"])
            .args(["--enable-nontrapping-float-to-int", "--enable-reference-types", "--enable-multivalue"])
            .arg(&raw)
            .arg("-o")
            .arg(&optimised))?;
    }
    Ok((fs::read_to_string(scratch.join("rampart.js"))?, fs::read(optimised)?))
}

fn style(root: &Path) -> Result<String> {
    let out = root.join("target/wasm/site/rampart.css");
    run(Command::new(root.join("node_modules/.bin/tailwindcss"))
        .current_dir(root)
        .args(["--silent", "--minify", "--input", "style/main.css", "--output"])
        .arg(&out))?;
    fs::read_to_string(&out).context("reading the compiled style")
}

/// The files of the site, each with its compressed copies.
struct Bundle {
    folder: PathBuf,
    /// By what a page asks for: `script`, `style`.
    files: BTreeMap<&'static str, BuiltFile>,
}

struct BuiltFile {
    name: String,
    whole_bytes: usize,
    sent_bytes: usize,
}

impl Bundle {
    /// Writes a file under a name with its hash, unless it is there already; answers the name.
    fn add(&mut self, role: &'static str, stem: &str, extension: &str, bytes: &[u8]) -> Result<String> {
        let name = format!("{stem}.{}.{extension}", hash(bytes));
        let path = self.folder.join(&name);
        if !path.exists() {
            // woff2 is brotli inside: a second time gains nothing.
            if extension != "woff2" {
                fs::write(path.with_extension(format!("{extension}.br")), brotli(bytes)?)?;
                fs::write(path.with_extension(format!("{extension}.gz")), gzip(bytes)?)?;
            }
            fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        }
        let sent_bytes = fs::metadata(path.with_extension(format!("{extension}.br")))
            .map_or(bytes.len(), |brotli| usize::try_from(brotli.len()).unwrap_or(usize::MAX));
        self.files.insert(role, BuiltFile { name: name.clone(), whole_bytes: bytes.len(), sent_bytes });
        Ok(name)
    }

    /// Removes what earlier builds left.
    fn drop_others(&self) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !self.files.values().any(|file| name.starts_with(&file.name)) {
                fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
            }
        }
        Ok(())
    }

    fn manifest(&self) -> Result<Vec<u8>> {
        let addresses: BTreeMap<_, _> =
            self.files.iter().map(|(role, file)| (role, format!("/pkg/{}", file.name))).collect();
        Ok(serde_json::to_vec_pretty(&addresses)?)
    }

    fn report(&self, started: Instant) {
        for (role, file) in &self.files {
            println!("{role:>8} {:>7} {:>7} sent", kilobytes(file.whole_bytes), kilobytes(file.sent_bytes));
        }
        println!("    site {:>15} sent, built in {:.1} s", kilobytes(self.total()), started.elapsed().as_secs_f32());
    }

    fn check_budget(&self) -> Result<()> {
        let script = ["script", "wasm"].iter().map(|role| self.files[role].sent_bytes).sum::<usize>();
        if script > SCRIPT_MAX_BYTES {
            bail!("script and WASM weigh {script} bytes compressed, more than the {SCRIPT_MAX_BYTES} a page may need");
        }
        if self.total() > FIRST_VISIT_MAX_BYTES {
            bail!(
                "the site weighs {} bytes compressed, more than {FIRST_VISIT_MAX_BYTES} on a first visit",
                self.total()
            );
        }
        Ok(())
    }

    fn total(&self) -> usize {
        self.files.values().map(|file| file.sent_bytes).sum()
    }
}

/// A hash over everything the site is made from.
fn fingerprint(root: &Path) -> Result<String> {
    let mut files = Vec::new();
    for folder in ["app", "crates/model", "style", "xtask/src"] {
        collect(&root.join(folder), &mut files)?;
    }
    for file in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "package-lock.json", ".cargo/config.toml"] {
        files.push(root.join(file));
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        hasher.update(file.as_os_str().as_encoded_bytes());
        hasher.update(bytes.len().to_le_bytes());
        hasher.update(bytes);
    }
    Ok(hex::encode(hasher.finalize()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("starting {shown}"))?;
    ensure!(status.success(), "{shown} ended with {status}");
    Ok(())
}

/// Sixteen digits: enough that no two builds share a name.
fn hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..8])
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    brotli::CompressorWriter::new(&mut out, 1 << 16, 11, 22).write_all(bytes)?;
    Ok(out)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

fn kilobytes(bytes: usize) -> String {
    format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100)
}
