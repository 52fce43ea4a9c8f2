#pragma once
// `sluice demo` and `sluice demo-app`.

namespace sluice::demo {

int demo_main(int argc, char** argv);
int demo_app_main(int argc, char** argv);

}  // namespace sluice::demo
