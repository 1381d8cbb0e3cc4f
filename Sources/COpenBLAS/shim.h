// OpenBLAS, with nothing added: its enumerations and functions import as they are.
#pragma once
#include <cblas.h>
