// The engine's view of its cache: what people ask about it, in public types.
#include <fmt/format.h>

#include "runtime/engine_impl.h"

namespace unstride {

namespace {

std::vector<CacheField> public_fields(const std::vector<cache::Field>& fields) {
  std::vector<CacheField> result;
  for (const cache::Field& field : fields) result.push_back({field.label, field.value});
  return result;
}

CacheEntry bundled_entry(const cache::Header& header, const std::string& where) {
  return {.key = cache::Key(header.key_fields).hex(),
          .bytes = header.payload_size,
          .last_used = 0,
          .where = where,
          .fields = public_fields(header.key_fields),
          .notes = public_fields(header.notes)};
}

cache::Store& store_of(const Engine::Impl& engine) {
  if (!engine.cache.store()) throw Error("cache: there is no directory in use (mode off, or none could be opened)");
  return *engine.cache.store();
}

}  // namespace

CacheExplanation Engine::explain(const LayerSpec& spec, const CompileOptions& options) const {
  validate(spec);
  const auto [key, info] = impl_->backend(options.target).key(spec, options);
  CacheExplanation result;
  result.plan = info.plan;
  result.plan_source = info.plan_source;
  for (const TunedRange& range : info.tuned)
    result.tuned.push_back(
        fmt::format("lengths {} to {}: {}, measured at {}", range.shortest, range.longest, range.level, range.length));
  result.key = key.hex();
  result.fields = public_fields(key.fields());
  if (const auto found = impl_->cache.find(key); found.entry) {
    result.hit = true;
    result.where = found.where;
  } else if (auto nearest = impl_->cache.nearest(key)) {
    result.nearest = std::move(nearest->hex);
    result.where = std::move(nearest->where);
    result.differences = std::move(nearest->differences);
  }
  return result;
}

std::vector<CacheEntry> Engine::cache_entries() const {
  std::vector<CacheEntry> result;
  if (const cache::Store* store = impl_->cache.store())
    for (const cache::EntryInfo& info : store->list())
      result.push_back({.key = info.hex,
                        .bytes = info.bytes,
                        .last_used = info.last_used,
                        .where = store->root(),
                        .fields = public_fields(info.header.key_fields),
                        .notes = public_fields(info.header.notes)});
  for (const auto& bundle : impl_->cache.bundles())
    for (const cache::Header& header : bundle->list()) result.push_back(bundled_entry(header, bundle->path()));
  return result;
}

CacheStats Engine::cache_stats() const {
  CacheStats result;
  result.mode = impl_->cache.mode();
  result.max_bytes = impl_->limits.max_bytes;
  result.max_entries = impl_->limits.max_entries;
  if (const cache::Store* store = impl_->cache.store()) {
    const cache::StoreStats stats = store->stats();
    result.directory = store->root();
    result.entries = stats.entries;
    result.bytes = stats.bytes;
    result.temp_files = stats.temp_files;
  }
  for (const auto& bundle : impl_->cache.bundles()) result.bundles.push_back({bundle->path(), bundle->entries()});
  return result;
}

CacheCheck Engine::cache_check(bool remove_corrupt) {
  const cache::FsckReport report = store_of(*impl_).fsck(remove_corrupt);
  return {.checked = report.checked, .bytes = report.bytes, .removed = report.removed, .corrupt = report.corrupt};
}

std::int64_t Engine::cache_prune(std::int64_t max_bytes, std::int64_t max_entries) {
  return store_of(*impl_).prune({max_bytes, max_entries});
}

std::int64_t Engine::cache_clear() {
  return store_of(*impl_).clear();
}

std::string Engine::cache_extract(const std::string& key) const {
  for (const CacheEntry& entry : cache_entries()) {
    if (entry.key != key) continue;
    std::vector<cache::Field> fields;
    for (const CacheField& field : entry.fields) fields.push_back({field.label, field.value});
    if (const auto found = impl_->cache.find(cache::Key(fields)); found.entry) return found.entry->payload;
  }
  throw ArgumentError(fmt::format("cache: there is no entry \"{}\"", key));
}

}  // namespace unstride
