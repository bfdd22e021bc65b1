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

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Optimised for size: what is shipped and measured.
    Small,
    /// Not optimised: for seeing a change to an island soon.
    Quick,
}

/// Builds the site unless nothing that it is made from has changed since the last time.
pub fn build(speed: Speed) -> Result<()> {
    let started = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
    let site = root.join("target/site");
    let stamp = root.join("target/site.stamp");

    let fingerprint = fingerprint(root, speed)?;
    if fs::read_to_string(&stamp).is_ok_and(|last| last == fingerprint) && site.join("manifest.json").exists() {
        return Ok(());
    }

    let (script, wasm) = wasm(root, speed)?;
    let font = fs::read(root.join("node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"))
        .context("reading the typeface: run scripts/prepare-npm.sh first")?;
    let icon = fs::read(root.join("style/icon.svg")).context("reading style/icon.svg")?;

    if site.exists() {
        fs::remove_dir_all(&site).with_context(|| format!("emptying {}", site.display()))?;
    }
    let mut bundle = Bundle { folder: site.clone(), names: BTreeMap::new(), brotli_bytes: BTreeMap::new() };
    bundle.add("script", "rampart", "js", script.as_bytes())?;
    bundle.add("wasm", "rampart", "wasm", &wasm)?;
    let font = bundle.add("font", "inter", "woff2", &font)?;
    bundle.add("icon", "icon", "svg", &icon)?;
    let style = style(root)?.replace("inter-latin.woff2", &font);
    bundle.add("style", "rampart", "css", style.as_bytes())?;
    fs::write(site.join("manifest.json"), serde_json::to_vec_pretty(&bundle.names)?)?;

    bundle.report(started);
    if speed == Speed::Small {
        bundle.check_budget()?;
    }
    fs::write(stamp, fingerprint)?;
    Ok(())
}

/// Compiles the islands and writes the script that loads them.
fn wasm(root: &Path, speed: Speed) -> Result<(String, Vec<u8>)> {
    let (profile, folder) = match speed {
        Speed::Small => ("wasm-release", "wasm-release"),
        Speed::Quick => ("dev", "debug"),
    };
    // A target folder of its own: host and WASM builds then never wait for each other's lock.
    let target_dir = root.join("target/wasm");
    run(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["build", "--package", "app", "--lib", "--no-default-features", "--features", "hydrate"])
        .args(["--target", TARGET, "--profile", profile, "--target-dir"])
        .arg(&target_dir))?;

    let scratch = target_dir.join("site");
    fs::create_dir_all(&scratch)?;
    Bindgen::new()
        .input_path(target_dir.join(TARGET).join(folder).join("app.wasm"))
        .out_name("rampart")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(speed == Speed::Small)
        .remove_producers_section(true)
        .generate(&scratch)
        .context("writing the script around the WASM")?;
    ensure!(
        !scratch.join("snippets").exists(),
        "a dependency brings its own script files, which the site does not ship"
    );

    let raw = scratch.join("rampart_bg.wasm");
    let optimised = scratch.join("rampart_opt.wasm");
    let wasm = match speed {
        Speed::Quick => raw,
        Speed::Small => {
            // The features that rustc 1.95 turns on for this target; wasm-bindgen drops the section that names them.
            run(Command::new(root.join("node_modules/.bin/wasm-opt"))
                .args(["-Oz", "--enable-bulk-memory", "--enable-mutable-globals", "--enable-sign-ext"])
                .args(["--enable-nontrapping-float-to-int", "--enable-reference-types", "--enable-multivalue"])
                .arg(&raw)
                .arg("-o")
                .arg(&optimised))?;
            optimised
        }
    };
    Ok((fs::read_to_string(scratch.join("rampart.js"))?, fs::read(wasm)?))
}

fn style(root: &Path) -> Result<String> {
    let out = root.join("target/wasm/site/rampart.css");
    run(Command::new(root.join("node_modules/.bin/tailwindcss"))
        .current_dir(root)
        .args(["--silent", "--minify", "--input", "style/main.css", "--output"])
        .arg(&out))?;
    fs::read_to_string(&out).context("reading the compiled style")
}

/// The files of the site as they are written, each with its compressed copies.
struct Bundle {
    folder: PathBuf,
    /// What a page asks for by role, to the file that has it.
    names: BTreeMap<&'static str, String>,
    brotli_bytes: BTreeMap<&'static str, (usize, usize)>,
}

impl Bundle {
    fn add(&mut self, role: &'static str, stem: &str, extension: &str, bytes: &[u8]) -> Result<String> {
        let hash = hex::encode(&Sha256::digest(bytes)[..8]);
        let name = format!("{stem}.{hash}.{extension}");
        let path = self.folder.join("pkg").join(&name);
        fs::create_dir_all(self.folder.join("pkg"))?;
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        let mut sent = bytes.len();
        // woff2 is brotli inside: a second time gains nothing.
        if extension != "woff2" {
            let brotli = brotli(bytes)?;
            sent = brotli.len();
            fs::write(path.with_extension(format!("{extension}.br")), brotli)?;
            fs::write(path.with_extension(format!("{extension}.gz")), gzip(bytes)?)?;
        }
        self.names.insert(role, format!("/pkg/{name}"));
        self.brotli_bytes.insert(role, (bytes.len(), sent));
        Ok(name)
    }

    fn report(&self, started: Instant) {
        for (role, (whole, sent)) in &self.brotli_bytes {
            println!("{role:>8} {:>7.1} KB {:>7.1} KB sent", kilobytes(*whole), kilobytes(*sent));
        }
        let total: usize = self.brotli_bytes.values().map(|(_, sent)| sent).sum();
        println!("    site {:>18.1} KB sent, built in {:.1} s", kilobytes(total), started.elapsed().as_secs_f32());
    }

    fn check_budget(&self) -> Result<()> {
        let sent = |role| self.brotli_bytes.get(role).map_or(0, |(_, sent)| *sent);
        let script = sent("script") + sent("wasm");
        let total: usize = self.brotli_bytes.values().map(|(_, sent)| sent).sum();
        if script > SCRIPT_MAX_BYTES {
            bail!("script and WASM weigh {script} bytes compressed, more than the {SCRIPT_MAX_BYTES} a page may need");
        }
        if total > FIRST_VISIT_MAX_BYTES {
            bail!("the site weighs {total} bytes compressed, more than the {FIRST_VISIT_MAX_BYTES} of a first visit");
        }
        Ok(())
    }
}

/// A hash over everything the site is made from.
fn fingerprint(root: &Path, speed: Speed) -> Result<String> {
    let mut files = Vec::new();
    for folder in ["app", "crates/model", "style", "xtask/src"] {
        collect(&root.join(folder), &mut files)?;
    }
    for file in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "package-lock.json", ".cargo/config.toml"] {
        files.push(root.join(file));
    }
    files.sort();
    let mut hash = Sha256::new();
    hash.update([u8::from(speed == Speed::Quick)]);
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        hash.update(file.as_os_str().as_encoded_bytes());
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    Ok(hex::encode(hash.finalize()))
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

fn kilobytes(bytes: usize) -> f64 {
    u32::try_from(bytes).map_or(f64::INFINITY, f64::from) / 1000.0
}
