// The function tables that kTypesATables joins.
#pragma once
#include "postgres/types/fn.h"

namespace postern {
extern const FnTables kIntFns, kFloatFns, kFloatMathFns, kNumericFns, kBasicAggregates, kStatisticsAggregates, kCollectAggregates, kSeriesFns, kIoFns, kNumberFormatFns, kIntervalAggregates,
    kOrderedAggregates;
}
