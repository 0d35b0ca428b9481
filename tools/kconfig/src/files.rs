//! Reading and replacing files.

use std::path::Path;

/// A file's text; bytes that are no UTF-8 are replaced.
pub fn read(path: &Path) -> std::io::Result<String> {
    Ok(match String::from_utf8(std::fs::read(path)?) {
        Ok(text) => text,
        Err(bytes) => String::from_utf8_lossy(bytes.as_bytes()).into_owned(),
    })
}

/// Writes a file so that there is the old one or the new one at any time.
///
/// # Errors
/// It cannot be written.
pub fn replace(path: &Path, text: &str) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
    name.push(format!(".{}.tmp", std::process::id()));
    let new = path.with_file_name(name);
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path)).map_err(|e| {
        let _ = std::fs::remove_file(&new);
        failed(e)
    })
}
