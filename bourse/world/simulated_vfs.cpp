#include "bourse/world/simulated_vfs.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/world/sqlite_locks.h"

namespace bourse {

/// What SQLite is told to use; handed back by it as pAppData.
struct SimulatedVfs::Parts {
  SimulatedDisk& disk;
  Life life;
  std::string name;
  sqlite3_vfs vfs{};
};

namespace {

/// A file that SQLite has open; it owns the memory.
struct OpenFile {
  sqlite3_file base{};
  SimulatedDisk* disk = nullptr;
  Life life;
  std::string path;
  SimulatedDisk::FilePointer file;
  bool is_deleted_on_close = false;
  std::unique_ptr<SqliteLockHolder> locks;
};

OpenFile& opened(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }

int code_of(const Result<void>& result, int failure) {
  if (result) return SQLITE_OK;
  return result.error().code == ErrorCode::resource_exhausted ? SQLITE_FULL : failure;
}

int close_file(sqlite3_file* base) {
  OpenFile& file = opened(base);
  if (file.path.empty()) (void)file.disk->truncate(file.path, *file.file, 0);
  if (file.is_deleted_on_close && *file.life) (void)file.disk->remove(file.path);
  file.~OpenFile();
  return SQLITE_OK;
}

int read_file(sqlite3_file* base, void* target, int size, sqlite3_int64 offset) {
  const OpenFile& file = opened(base);
  if (!*file.life) return SQLITE_IOERR_READ;
  const std::string& bytes = file.file->bytes;
  const auto begin = std::min(static_cast<std::size_t>(offset), bytes.size());
  const auto count = std::min(static_cast<std::size_t>(size), bytes.size() - begin);
  std::memcpy(target, bytes.data() + begin, count);
  if (count == static_cast<std::size_t>(size)) return SQLITE_OK;
  std::memset(static_cast<char*>(target) + count, 0, static_cast<std::size_t>(size) - count);
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* base, const void* bytes, int size, sqlite3_int64 offset) {
  const OpenFile& file = opened(base);
  if (!*file.life) return SQLITE_IOERR_WRITE;
  const std::string_view text(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
  return code_of(
      file.disk->write_at(file.path, *file.file, static_cast<std::uint64_t>(offset), text),
      SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* base, sqlite3_int64 size) {
  const OpenFile& file = opened(base);
  if (!*file.life) return SQLITE_IOERR_TRUNCATE;
  return code_of(file.disk->truncate(file.path, *file.file, static_cast<std::uint64_t>(size)),
                 SQLITE_IOERR_TRUNCATE);
}

int sync_file(sqlite3_file* base, int /*flags*/) {
  const OpenFile& file = opened(base);
  if (!*file.life) return SQLITE_IOERR_FSYNC;
  return code_of(file.disk->sync(file.path, *file.file), SQLITE_IOERR_FSYNC);
}

int size_of_file(sqlite3_file* base, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(opened(base).file->bytes.size());
  return SQLITE_OK;
}

int lock_file(sqlite3_file* base, int level) {
  OpenFile& file = opened(base);
  if (!*file.life) return SQLITE_IOERR_LOCK;
  return file.locks->lock(level) ? SQLITE_OK : SQLITE_BUSY;
}

int unlock_file(sqlite3_file* base, int level) {
  opened(base).locks->unlock(level);
  return SQLITE_OK;
}

int check_reserved_lock(sqlite3_file* base, int* result) {
  *result = opened(base).locks->is_reserved() ? 1 : 0;
  return SQLITE_OK;
}

int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }

int sector_size(sqlite3_file*) { return 4096; }

/// A write that is torn leaves the bytes around it alone.
int device_characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int map_shared_memory(sqlite3_file* base, int region, int size, int is_made,
                      void volatile** memory) {
  OpenFile& file = opened(base);
  if (!*file.life) return SQLITE_IOERR_SHMMAP;
  *memory = file.locks->shared_memory(region, size, is_made != 0);
  return SQLITE_OK;
}

int lock_shared_memory(sqlite3_file* base, int offset, int count, int flags) {
  OpenFile& file = opened(base);
  const bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    file.locks->unlock_slots(offset, count);
    return SQLITE_OK;
  }
  if (!*file.life) return SQLITE_IOERR_SHMLOCK;
  return file.locks->lock_slots(offset, count, is_shared) ? SQLITE_OK : SQLITE_BUSY;
}

/// All processes run in one thread.
void shared_memory_barrier(sqlite3_file*) {}

int unmap_shared_memory(sqlite3_file* base, int /*is_deleted*/) {
  opened(base).locks->leave_shared_memory();
  return SQLITE_OK;
}

const sqlite3_io_methods kMethods{.iVersion = 2,
                                  .xClose = close_file,
                                  .xRead = read_file,
                                  .xWrite = write_file,
                                  .xTruncate = truncate_file,
                                  .xSync = sync_file,
                                  .xFileSize = size_of_file,
                                  .xLock = lock_file,
                                  .xUnlock = unlock_file,
                                  .xCheckReservedLock = check_reserved_lock,
                                  .xFileControl = control_file,
                                  .xSectorSize = sector_size,
                                  .xDeviceCharacteristics = device_characteristics,
                                  .xShmMap = map_shared_memory,
                                  .xShmLock = lock_shared_memory,
                                  .xShmBarrier = shared_memory_barrier,
                                  .xShmUnmap = unmap_shared_memory,
                                  .xFetch = nullptr,
                                  .xUnfetch = nullptr};

}  // namespace

/// The functions of sqlite3_vfs; apart from the above because they know the private parts.
struct VfsFunctions {
  template <class Parts>
  static Parts& parts(sqlite3_vfs* vfs) {
    return *static_cast<Parts*>(vfs->pAppData);
  }

  template <class Parts>
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* base, int flags,
                  int* flags_out) {
    base->pMethods = nullptr;
    Parts& ours = parts<Parts>(vfs);
    if (!*ours.life) return SQLITE_CANTOPEN;
    auto file = std::make_unique<OpenFile>();
    file->disk = &ours.disk;
    file->life = ours.life;
    file->path = name ? name : "";
    file->is_deleted_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    if (!name) {
      file->file = std::make_shared<SimulatedFile>();  // a temporary one that nobody else sees
    } else {
      auto found = (flags & SQLITE_OPEN_CREATE) != 0 ? ours.disk.find_or_make("open", name)
                                                     : ours.disk.find("open", name);
      if (!found) return SQLITE_CANTOPEN;
      file->file = std::move(*found);
    }
    file->locks = std::make_unique<SqliteLockHolder>(*file->file, ours.life);
    file->base.pMethods = &kMethods;
    new (base) OpenFile(std::move(*file));
    if (flags_out) *flags_out = flags;
    return SQLITE_OK;
  }

  template <class Parts>
  static int remove(sqlite3_vfs* vfs, const char* name, int /*is_directory_synced*/) {
    Parts& ours = parts<Parts>(vfs);
    if (!*ours.life) return SQLITE_IOERR_DELETE;
    if (!ours.disk.exists(name)) return SQLITE_IOERR_DELETE_NOENT;
    return code_of(ours.disk.remove(name), SQLITE_IOERR_DELETE);
  }

  template <class Parts>
  static int access(sqlite3_vfs* vfs, const char* name, int /*flags*/, int* result) {
    const SimulatedDisk& disk = parts<Parts>(vfs).disk;
    const auto file = disk.find("look at", name);
    *result = file && !(*file)->bytes.empty() ? 1 : 0;
    return SQLITE_OK;
  }

  static int full_path(sqlite3_vfs*, const char* name, int size, char* target) {
    return std::snprintf(target, static_cast<std::size_t>(size), "%s", name) < size
               ? SQLITE_OK
               : SQLITE_CANTOPEN;
  }

  static int randomness(sqlite3_vfs*, int size, char* target) {
    std::memset(target, 0, static_cast<std::size_t>(size));
    return size;
  }
  static int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
  static int current_time(sqlite3_vfs*, double* days) {
    *days = 2440587.5;  // 1970-01-01; who wants the time has a clock
    return SQLITE_OK;
  }
  static int last_error(sqlite3_vfs*, int, char*) { return 0; }
};

SimulatedVfs::SimulatedVfs(SimulatedDisk& disk, Life life)
    : parts_(std::make_unique<Parts>(Parts{disk, std::move(life), "", {}})) {
  parts_->name = fmt::format("bourse-simulated-{}", static_cast<const void*>(parts_.get()));
  sqlite3_vfs& vfs = parts_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(OpenFile);
  vfs.mxPathname = 512;
  vfs.zName = parts_->name.c_str();
  vfs.pAppData = parts_.get();
  vfs.xOpen = VfsFunctions::open<Parts>;
  vfs.xDelete = VfsFunctions::remove<Parts>;
  vfs.xAccess = VfsFunctions::access<Parts>;
  vfs.xFullPathname = VfsFunctions::full_path;
  vfs.xRandomness = VfsFunctions::randomness;
  vfs.xSleep = VfsFunctions::sleep;
  vfs.xCurrentTime = VfsFunctions::current_time;
  vfs.xGetLastError = VfsFunctions::last_error;
  BOURSE_CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

SimulatedVfs::~SimulatedVfs() { sqlite3_vfs_unregister(&parts_->vfs); }

const char* SimulatedVfs::name() const { return parts_->name.c_str(); }

}  // namespace bourse
