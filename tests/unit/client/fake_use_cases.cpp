// The API's fake, compiled into this test too.
#include "tests/unit/api/fake_use_cases.cpp" // NOLINT(bugprone-suspicious-include)
