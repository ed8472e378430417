//! What can go wrong with the key file and with sealed values, in words for the person who has to act.

use std::path::PathBuf;

use jiff::Timestamp;
use thiserror::Error;

/// Why the key ring cannot be used. Nothing in it quotes a key.
#[derive(Debug, Error)]
pub enum KeyRingError {
    /// Group or others may read the key file.
    #[error(
        "the key file {} can be read by other accounts (mode {mode:04o}); run: chmod 600 {}",
        path.display(), path.display()
    )]
    ReadableByOthers {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file cannot be opened or read.
    #[error(
        "the key file {} cannot be read ({source}); check that it exists and belongs to the account that runs the service",
        path.display()
    )]
    Unreadable {
        /// The key file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error(
        "the key file {} cannot be written ({source}); give the service's account write access to its directory, or name another place",
        path.display()
    )]
    Unwritable {
        /// The key file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file's content is not usable.
    #[error("the key file is damaged: {0}; restore it from its backup, and do not delete it")]
    Malformed(&'static str),
    /// The file was written by a newer version of the program.
    #[error("the key file has layout {version}, which this version does not know; install the newer version again")]
    UnknownLayout {
        /// The layout found.
        version: u32,
    },
    /// The next signing key has not been public long enough.
    #[error("the next signing key is published too recently; rotate again after {ready_at}")]
    RotatedTooSoon {
        /// The first instant at which it may sign.
        ready_at: Timestamp,
    },
    /// No signing key of that id.
    #[error("the key file has no signing key of that id; list the ids at /.well-known/jwks.json")]
    UnknownSigningKey,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes; check the machine before starting again")]
    Randomness,
}

impl KeyRingError {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ReadableByOthers { .. } => "key_file_readable_by_others",
            Self::Unreadable { .. } => "key_file_unreadable",
            Self::Unwritable { .. } => "key_file_unwritable",
            Self::Malformed(_) => "key_file_damaged",
            Self::UnknownLayout { .. } => "key_file_layout_unknown",
            Self::RotatedTooSoon { .. } => "signing_key_rotated_too_soon",
            Self::UnknownSigningKey => "signing_key_unknown",
            Self::Randomness => "random_bytes_unavailable",
        }
    }

    /// The same message in Chinese.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::ReadableByOthers { path, mode } => {
                format!("密钥文件 {0} 可被其他账户读取（权限 {mode:04o}）；请执行：chmod 600 {0}", path.display())
            }
            Self::Unreadable { path, source } => {
                format!("无法读取密钥文件 {}（{source}）；请确认文件存在且属于运行本服务的账户", path.display())
            }
            Self::Unwritable { path, source } => format!(
                "无法写入密钥文件 {}（{source}）；请为运行本服务的账户开放该目录的写权限，或改用其他位置",
                path.display()
            ),
            Self::Malformed(_) => "密钥文件已损坏；请从备份恢复，切勿删除".to_owned(),
            Self::UnknownLayout { version } => {
                format!("密钥文件的格式版本为 {version}，当前程序不支持；请重新安装较新的版本")
            }
            Self::RotatedTooSoon { ready_at } => {
                format!("下一把签名密钥公布时间过短；请在 {ready_at} 之后再轮换")
            }
            Self::UnknownSigningKey => "密钥文件中没有该编号的签名密钥；编号见 /.well-known/jwks.json".to_owned(),
            Self::Randomness => "操作系统未能提供随机数；请检查机器后再启动".to_owned(),
        }
    }
}

/// Why a value cannot be sealed or a sealed value does not open. It says nothing about the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// Longer than a sealed column may be.
    #[error("the value is longer than {} bytes; shorten it", super::LONGEST_PLAINTEXT)]
    TooLong,
    /// Not the bytes of a sealed value, or of a suite this version does not know.
    #[error("the stored bytes are not a sealed value of a known suite; restore the row from a backup")]
    Unrecognised,
    /// Sealed with a root key that this ring does not hold.
    #[error("the value was sealed with root key {0}, which the key file does not hold; restore the key file that does")]
    UnknownRoot(u32),
    /// The bytes were changed, or moved to another row, column or table.
    #[error("the sealed value was changed or belongs to another row; restore the row from a backup")]
    Refused,
    /// A page cursor that this exchange did not make.
    #[error("the cursor was not made by this exchange; start again from the first page")]
    ForeignCursor,
}

impl SealError {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "sealed_value_too_long",
            Self::Unrecognised => "sealed_value_unrecognised",
            Self::UnknownRoot(_) => "sealing_key_unknown",
            Self::Refused => "sealed_value_refused",
            Self::ForeignCursor => "cursor_foreign",
        }
    }

    /// The same message in Chinese.
    #[must_use]
    pub fn chinese(self) -> String {
        match self {
            Self::TooLong => format!("内容超过 {} 字节，请缩短", super::LONGEST_PLAINTEXT),
            Self::Unrecognised => "存储内容不是可识别的加密数据；请从备份恢复该行".to_owned(),
            Self::UnknownRoot(id) => {
                format!("该数据由根密钥 {id} 加密，而密钥文件中没有此密钥；请恢复包含它的密钥文件")
            }
            Self::Refused => "加密数据被改动或属于其他行；请从备份恢复该行".to_owned(),
            Self::ForeignCursor => "该翻页游标不是本平台签发的；请从第一页重新查询".to_owned(),
        }
    }
}
