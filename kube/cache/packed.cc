#include "kube/cache/packed.h"

#include <zdict.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace sluice::kube {

namespace {

// zstd's own default.
constexpr int kLevel = 3;
// So many texts teach the dictionary, and so many bytes of them are its content. Until then texts
// are packed without one.
constexpr std::size_t kSamples = 64;
constexpr std::size_t kContentBytes = 24 * 1024;
constexpr std::size_t kDictionaryBytes = kContentBytes + 8 * 1024;

enum class How : std::uint32_t { Plain, Alone, WithDictionary };

struct Header {
  std::uint32_t packed = 0, text = 0;  // bytes of the frame, and of what it holds
  How how = How::Plain;
};

Header header_of(const char* bytes) {
  Header out;
  std::memcpy(&out, bytes, sizeof out);
  return out;
}

std::unique_ptr<char[]> assemble(const Header& header, std::string_view body) {
  auto out = std::make_unique_for_overwrite<char[]>(sizeof header + body.size());
  std::memcpy(out.get(), &header, sizeof header);
  std::memcpy(out.get() + sizeof header, body.data(), body.size());
  return out;
}

}  // namespace

std::size_t Packed::size() const {
  return empty() ? 0 : sizeof(Header) + header_of(bytes_.get()).packed;
}

struct Packer::Impl {
  struct Free {
    void operator()(ZSTD_CCtx* it) const { ZSTD_freeCCtx(it); }
    void operator()(ZSTD_DCtx* it) const { ZSTD_freeDCtx(it); }
    void operator()(ZSTD_CDict* it) const { ZSTD_freeCDict(it); }
    void operator()(ZSTD_DDict* it) const { ZSTD_freeDDict(it); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> compressor{ZSTD_createCCtx()};
  std::unique_ptr<ZSTD_DCtx, Free> decompressor{ZSTD_createDCtx()};
  std::unique_ptr<ZSTD_CDict, Free> write_with;
  std::unique_ptr<ZSTD_DDict, Free> read_with;
  std::string samples;  // one text after the other, until there are enough
  std::vector<std::size_t> sample_sizes;
  std::string buffer;

  void learn(std::string_view text);
  void make_dictionary();
};

void Packer::Impl::learn(std::string_view text) {
  samples += text;
  sample_sizes.push_back(text.size());
  if (sample_sizes.size() >= kSamples) make_dictionary();
}

// The content is what the texts said last; the statistics of all of them come before it.
void Packer::Impl::make_dictionary() {
  const std::size_t content = std::min(samples.size(), kContentBytes);
  std::string dictionary(kDictionaryBytes, '\0');
  ZDICT_params_t parameters{};
  parameters.compressionLevel = kLevel;
  const std::size_t size = ZDICT_finalizeDictionary(
      dictionary.data(), dictionary.size(), samples.data() + samples.size() - content, content,
      samples.data(), sample_sizes.data(), static_cast<unsigned>(sample_sizes.size()), parameters);
  // Texts without any statistics to take (all empty, say) still serve as plain content.
  if (ZDICT_isError(size) != 0)
    dictionary = samples.substr(samples.size() - content);
  else
    dictionary.resize(size);
  write_with.reset(ZSTD_createCDict(dictionary.data(), dictionary.size(), kLevel));
  read_with.reset(ZSTD_createDDict(dictionary.data(), dictionary.size()));
  SLUICE_ASSERT(write_with && read_with, "no memory for a dictionary");
  std::string().swap(samples);
  std::vector<std::size_t>().swap(sample_sizes);
}

Packer::Packer() : impl_(std::make_unique<Impl>()) {
  ZSTD_CCtx_setParameter(impl_->compressor.get(), ZSTD_c_dictIDFlag, 0);
}
Packer::~Packer() = default;
Packer::Packer(Packer&&) noexcept = default;
Packer& Packer::operator=(Packer&&) noexcept = default;

Packed Packer::pack(std::string_view text) {
  Impl& impl = *impl_;
  if (!impl.write_with) impl.learn(text);
  const How how = impl.write_with ? How::WithDictionary : How::Alone;
  impl.buffer.resize(ZSTD_compressBound(text.size()));
  ZSTD_CCtx_reset(impl.compressor.get(), ZSTD_reset_session_only);
  ZSTD_CCtx_refCDict(impl.compressor.get(), impl.write_with.get());
  const std::size_t size = ZSTD_compress2(impl.compressor.get(), impl.buffer.data(),
                                          impl.buffer.size(), text.data(), text.size());
  const bool shrunk = ZSTD_isError(size) == 0 && size < text.size();
  const std::string_view body = shrunk ? std::string_view(impl.buffer.data(), size) : text;
  Packed out;
  out.bytes_ = assemble({static_cast<std::uint32_t>(body.size()),
                         static_cast<std::uint32_t>(text.size()), shrunk ? how : How::Plain},
                        body);
  return out;
}

std::string Packer::unpack(const Packed& packed) const {
  if (packed.empty()) return "";
  const Header header = header_of(packed.bytes_.get());
  const char* body = packed.bytes_.get() + sizeof header;
  if (header.how == How::Plain) return std::string(body, header.text);
  std::string out(header.text, '\0');
  ZSTD_DCtx* context = impl_->decompressor.get();
  const std::size_t size =
      header.how == How::WithDictionary
          ? ZSTD_decompress_usingDDict(context, out.data(), out.size(), body, header.packed,
                                       impl_->read_with.get())
          : ZSTD_decompressDCtx(context, out.data(), out.size(), body, header.packed);
  SLUICE_ASSERT(size == out.size(), "a packed object cannot be read back");
  return out;
}

}  // namespace sluice::kube
