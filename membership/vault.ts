/** What a host keeps beside its journal, each in a small file with a checksum of its own. */
export type SafeFile = "tokens" | "revocations" | "certificate";

/** Where the small files are. */
export interface Vault {
  /**
   * Replaces the file's content; resolves when it has reached the disk. One write of a file at a
   * time. Throws a MeshError: DATA_DIR_UNUSABLE.
   */
  save(file: SafeFile, content: Uint8Array): Promise<void>;
}
