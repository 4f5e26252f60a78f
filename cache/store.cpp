// Looking up, publishing, removing.
#include "cache/store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <system_error>
#include <thread>

#include "cache/entry_file.h"
#include "cache/publish.h"
#include "cache/safe_folder.h"
#include "cache/store_impl.h"

namespace unstride::cache {

namespace {

constexpr int max_attempts = 3;

// Goes away by walking to the root again: a network file system had remembered what another machine has replaced
// since. ENOENT, when writing: somebody has just cleared the cache.
bool passes_for_readers(int error) {
  return error == ESTALE || error == EBUSY || error == EAGAIN;
}
bool passes_for_writers(int error) {
  return passes_for_readers(error) || error == ENOENT || error == EEXIST;
}

// Whatever is written next will meet the same.
bool stops_writing(int error) {
  return error == EROFS || error == EACCES || error == EPERM || error == ENOSPC || error == EDQUOT;
}

void back_off(int attempt) {
  std::this_thread::sleep_for(std::chrono::milliseconds(1 << (2 * attempt)));
}

}  // namespace

std::shared_ptr<const Fd> Store::Impl::root() const {
  const std::lock_guard lock(mutex);
  return root_fd;
}

std::string Store::Impl::reopen() {
  SafeFolder folder = open_safe_folder(options.root, {.create = writable, .trust_foreign = trusts_foreign()});
  if (!folder.fd) return folder.reason;
  const std::lock_guard lock(mutex);
  root_fd = std::make_shared<const Fd>(std::move(folder.fd));
  return {};
}

std::string Store::Impl::path_of(const std::string& hex) const {
  return fmt::format("{}/{}/{}/{}", options.root, version_folder(), shard_of(hex), file_name(hex));
}

bool Store::Impl::drop(const EntryFile& entry) const {
  return writable && unlink_same(entry.folder.get(), entry.name.c_str(), entry.status);
}

void Store::Impl::report_corrupt(const std::string& hex, const std::string& why, bool removed) {
  report("corrupt " + hex,
         fmt::format("{}: {}; {}", path_of(hex), why, removed ? "removed, it is compiled again" : "ignored"));
}

void Store::Impl::report_unwritten(int error, const std::string& what) {
  const bool stop = stops_writing(error);
  if (stop) writable = false;
  report(fmt::format("unwritten {}", error),
         fmt::format("{}: {}; {}", options.root, what,
                     stop ? "nothing more is written by this process, compiled kernels still work"
                          : "a compiled kernel is not kept"));
}

void Store::Impl::tidy(std::int64_t bytes) {
  bool look = false, sweep = false;
  {
    const std::lock_guard lock(mutex);
    look = schedule.published(bytes);
    sweep = look || !swept;
    swept = true;
  }
  const auto folder = root();
  if (sweep) sweep_temp_files(folder->get(), trusts_foreign(), time_now());
  if (look) prune_entries(folder->get(), trusts_foreign(), options.limits, time_now());
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

std::unique_ptr<Store> Store::open(const StoreOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  if (const std::string why = impl->reopen(); !why.empty()) {
    impl->report("open",
                 fmt::format("{} is not used: {}. UNSTRIDE_CACHE_DIR can name another folder", options.root, why));
    return nullptr;
  }
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

std::optional<Entry> Store::find(const Key& key) {
  for (int attempt = 0;; ++attempt) {
    try {
      const auto root = impl_->root();
      const std::optional<EntryFile> file = open_entry(root->get(), key.hex(), impl_->trusts_foreign());
      if (!file) return std::nullopt;
      try {
        Entry entry = decode_for(key, read_entry(*file));
        if (impl_->writable) renew_stamp(file->file.get(), file->status, time_now());
        return entry;
      } catch (const CorruptEntry& corrupt) {
        impl_->report_corrupt(key.hex(), corrupt.what(), impl_->drop(*file));
        return std::nullopt;
      }
    } catch (const Refused& refused) {
      impl_->report(refused.what(), fmt::format("{}: ignored: {}", impl_->options.root, refused.what()));
      return std::nullopt;
    } catch (const std::system_error& error) {
      if (!passes_for_readers(error.code().value()) || attempt + 1 == max_attempts) {
        impl_->report(error.what(), fmt::format("{}: not read: {}", impl_->options.root, error.what()));
        return std::nullopt;
      }
    }
    back_off(attempt);
    static_cast<void>(impl_->reopen());
  }
}

bool Store::publish(const Key& key, const Entry& entry) {
  if (!impl_->writable) return false;
  for (int attempt = 0;; ++attempt) {
    try {
      const std::string bytes = encode(key, entry);
      publish_file(impl_->root()->get(), key.hex(), bytes, impl_->trusts_foreign());
      impl_->tidy(static_cast<std::int64_t>(bytes.size()));
      return true;
    } catch (const std::length_error& error) {
      impl_->report("length", fmt::format("{}: not kept: {}", impl_->path_of(key.hex()), error.what()));
      return false;
    } catch (const Refused& refused) {
      impl_->report(refused.what(), fmt::format("{}: not written to: {}", impl_->options.root, refused.what()));
      return false;
    } catch (const std::system_error& error) {
      if (!passes_for_writers(error.code().value()) || attempt + 1 == max_attempts) {
        impl_->report_unwritten(error.code().value(), error.what());
        return false;
      }
    }
    back_off(attempt);
    static_cast<void>(impl_->reopen());
  }
}

void Store::remove(const Key& key) {
  if (!impl_->writable) return;
  try {
    const auto root = impl_->root();
    const Fd folder = open_shard(root->get(), shard_of(key.hex()), {.trust_foreign = impl_->trusts_foreign()});
    ::unlinkat(folder.get(), file_name(key.hex()).c_str(), 0);
  } catch (const Refused&) {  // find() reports it
  } catch (const std::system_error&) {
  }
}

const std::string& Store::root() const noexcept {
  return impl_->options.root;
}

bool Store::writable() const noexcept {
  return impl_->writable;
}

}  // namespace unstride::cache
