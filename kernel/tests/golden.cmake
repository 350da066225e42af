# golden.json as a C header: cmake -DFROM=golden.json -DTO=golden.h -P golden.cmake
cmake_minimum_required(VERSION 3.19)
file(READ ${FROM} file)

# The members of an object as designated initializers, ".d_head = 10, .causal = 1, "; nothing where there is no such object.
function(initializers out)
  set(written "")
  string(JSON count ERROR_VARIABLE missing LENGTH "${file}" ${ARGN})
  if(NOT missing AND count GREATER 0)
    math(EXPR last "${count} - 1")
    foreach(at RANGE ${last})
      string(JSON name MEMBER "${file}" ${ARGN} ${at})
      string(JSON type TYPE "${file}" ${ARGN} ${name})
      string(JSON value GET "${file}" ${ARGN} ${name})
      if(name STREQUAL "init_scale" OR name STREQUAL "dtype") # 1 and float32
        continue()
      elseif(type STREQUAL "STRING") # an optimizer, a loss
        string(TOUPPER "HL_${value}" value)
      elseif(type STREQUAL "BOOLEAN")
        string(COMPARE EQUAL "${value}" "ON" value)
      elseif(NOT type STREQUAL "NUMBER") # what has members of its own
        continue()
      endif()
      string(APPEND written ".${name} = ${value}, ")
    endforeach()
  endif()
  set(${out} "${written}" PARENT_SCOPE)
endfunction()

function(frozen out)
  set(bits "0")
  string(JSON count ERROR_VARIABLE missing LENGTH "${file}" ${ARGN} freeze)
  if(NOT missing)
    math(EXPR last "${count} - 1")
    foreach(at RANGE ${last})
      string(JSON name GET "${file}" ${ARGN} freeze ${at})
      string(TOUPPER "${name}" name)
      string(APPEND bits " | 1u << HL_${name}")
    endforeach()
  endif()
  set(${out} "${bits}" PARENT_SCOPE)
endfunction()

string(JSON d_vocab LENGTH "${file}" corpus vocabulary)
string(JSON n_sequences LENGTH "${file}" corpus tokens)
string(JSON n_ctx LENGTH "${file}" corpus tokens 0)
initializers(usual_model model)
initializers(usual_training training)
string(JSON count LENGTH "${file}" settings)
math(EXPR last "${count} - 1")
set(settings "")
foreach(number RANGE ${last})
  set(here settings ${number})
  initializers(model ${here} model)
  initializers(training ${here} training)
  string(JSON usual_rate GET "${file}" training learning_rate)
  string(JSON rate ERROR_VARIABLE missing GET "${file}" ${here} training learning_rate)
  if(missing)
    set(rate ${usual_rate})
  endif()
  set(phases ${here} training phases)
  string(JSON n_phases ERROR_VARIABLE missing LENGTH "${file}" ${phases})
  if(missing)
    set(phases training phases)
    string(JSON n_phases LENGTH "${file}" ${phases})
  endif()
  math(EXPR last_phase "${n_phases} - 1")
  set(force "${usual_training}${training}") # what is in force, a later word for an earlier one
  set(written "")
  foreach(phase RANGE ${last_phase})
    initializers(own ${phases} ${phase})
    initializers(plateau ${phases} ${phase} plateau)
    initializers(changes ${phases} ${phase} changes)
    frozen(bits ${phases} ${phase})
    string(APPEND force "${changes}")
    string(FIND "${changes}" ".learning_rate" sets_rate)
    string(COMPARE NOTEQUAL "${plateau}" "" watches)
    string(COMPARE NOTEQUAL "${sets_rate}" "-1" sets_rate)
    string(APPEND written "      {${force}${own}${plateau}.plateau = ${watches}, .sets_rate = ${sets_rate}, .frozen = ${bits}},\n")
  endforeach()
  foreach(field name sha256)
    string(JSON ${field} GET "${file}" ${here} ${field})
  endforeach()
  string(JSON many GET "${sha256}" many)
  string(JSON few GET "${sha256}" few)
  string(APPEND settings "    {\"${name}\",\n     {.d_vocab = ${d_vocab}, .n_ctx = ${n_ctx}, .d_model = ${d_vocab}, ${usual_model}${model}},\n"
         "     ${rate}, ${n_phases}, {\n${written}     },\n     \"${many}\",\n     \"${few}\"},\n")
endforeach()

string(JSON numerics GET "${file}" numerics)
string(JSON many GET "${file}" seeds many)
string(JSON few GET "${file}" seeds few)
foreach(ids tokens targets)
  string(JSON ${ids} GET "${file}" corpus ${ids})
  string(REGEX REPLACE "[][ \n]" "" ${ids} "${${ids}}")
endforeach()
file(WRITE ${TO} "/* Made of golden.json by golden.cmake. */
#include \"headlab.h\"

enum { golden_numerics = ${numerics}, golden_count = ${count}, golden_many = ${many}, golden_few = ${few} };
enum { golden_sequences = ${n_sequences}, golden_places = ${n_sequences} * ${n_ctx}, golden_d_vocab = ${d_vocab} };
typedef struct {
    const char *name;
    hl_shape shape;
    double learning_rate;
    int n_phases;
    hl_phase phases[8];
    const char *sha256_many, *sha256_few;
} golden_setting;
static const int32_t golden_tokens[] = {${tokens}};
static const int32_t golden_targets[] = {${targets}};
static const golden_setting golden_settings[] = {
${settings}};
")
