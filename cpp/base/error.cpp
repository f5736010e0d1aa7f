#include "base/error.h"

namespace chainrule {

TextWriter::TextWriter() = default;
TextWriter::~TextWriter() = default;
void TextWriter::add(std::string_view part) { out_ << part; }
std::string TextWriter::result() const { return out_.str(); }

void ErrorCarrier::capture() noexcept {
  if (!taken_.test_and_set()) error_ = std::current_exception();
}

// Called after the region has ended, whose implicit barrier orders the write of error_ before this read.
void ErrorCarrier::rethrow() {
  if (taken_.test()) std::rethrow_exception(error_);
}

}  // namespace chainrule
