// The shortcodes that messages of a release bot use; an unknown one is shown as it was written.

const TABLE = `
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|no_entry ⛔|no_entry_sign 🚫
warning ⚠️|rotating_light 🚨|fire 🔥|boom 💥|bangbang ‼️|exclamation ❗|question ❓|grey_question ❔
information_source ℹ️|rocket 🚀|tada 🎉|ship 🚢|package 📦|construction 🚧|hammer_and_wrench 🛠️
wrench 🔧|gear ⚙️|lock 🔒|unlock 🔓|key 🔑|shield 🛡️|eyes 👀|bell 🔔|no_bell 🔕|mega 📣
loudspeaker 📢|speech_balloon 💬|thread 🧵|memo 📝|pencil ✏️|pencil2 ✏️|clipboard 📋|pushpin 📌
round_pushpin 📍|bookmark 🔖|label 🏷️|link 🔗|page_facing_up 📄|scroll 📜|books 📚|calendar 📅
date 📅|spiral_calendar_pad 🗓️|clock1 🕐|alarm_clock ⏰|stopwatch ⏱️|timer_clock ⏲️|hourglass ⌛
hourglass_flowing_sand ⏳|watch ⌚|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉
bar_chart 📊|mag 🔍|microscope 🔬|test_tube 🧪|bulb 💡|bug 🐛|robot_face 🤖|busts_in_silhouette 👥
bust_in_silhouette 👤|wave 👋|ocean 🌊|thumbsup 👍|+1 👍|thumbsdown 👎|-1 👎|raised_hand ✋|hand ✋
clap 👏|pray 🙏|muscle 💪|point_right 👉|point_left 👈|handshake 🤝|writing_hand ✍️|star ⭐|sparkles ✨
green_heart 💚|heart ❤️|large_green_circle 🟢|large_yellow_circle 🟡|large_orange_circle 🟠
large_blue_circle 🔵|red_circle 🔴|white_circle ⚪|black_circle ⚫|large_green_square 🟩
large_yellow_square 🟨|large_red_square 🟥|white_large_square ⬜|black_large_square ⬛|arrow_up ⬆️
arrow_down ⬇️|arrow_right ➡️|arrow_left ⬅️|arrow_upper_right ↗️|arrow_lower_right ↘️|leftwards_arrow_with_hook ↩️
rewind ⏪|fast_forward ⏩|track_next ⏭️|arrow_forward ▶️|double_vertical_bar ⏸️|pause_button ⏸️
black_square_for_stop ⏹️|stop_button ⏹️|octagonal_sign 🛑|repeat 🔁|arrows_counterclockwise 🔄
recycle ♻️|checkered_flag 🏁|triangular_flag_on_post 🚩|traffic_light 🚥|vertical_traffic_light 🚦
ambulance 🚑|fire_engine 🚒|bomb 💣|skull 💀|zap ⚡|snowflake ❄️|ice_cube 🧊|sunny ☀️|cloud ☁️|hatching_chick 🐣
bird 🐦|telephone_receiver 📞|pager 📟|email 📧|envelope ✉️|inbox_tray 📥|outbox_tray 📤|globe_with_meridians 🌐
computer 💻|shopping_trolley 🛒|credit_card 💳|moneybag 💰|ok 🆗|new 🆕|up 🆙|100 💯|one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣
smile 😄|slightly_smiling_face 🙂|thinking_face 🤔|sweat_smile 😅|scream 😱|sleeping 😴|partying_face 🥳
`;

const EMOJI = new Map(
  TABLE.trim()
    .split(/[|\n]/)
    .map((pair) => pair.trim().split(" ")),
);

/** The character of a shortcode without its colons, or undefined. */
export const emoji = (name) => EMOJI.get(name);

/** Replace the shortcodes in plain text. */
export const withEmoji = (text) => text.replace(/:([a-z0-9_+-]+):/g, (all, name) => emoji(name) ?? all);
