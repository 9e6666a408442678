"""Correct reports in different shapes and languages, written for these tests."""

ENGLISH = """\
# Lab 3: quantizing a ResNet-50

Name: A. Student

## 1. Model Architecture (10%)

The network starts with `QuantStub` and ends with `DeQuantStub`; what lies between them runs on
8-bit integers. `fuse_model` merges every convolution with the BatchNorm and ReLU behind it. The
residual addition goes through `FloatFunctional.add_relu`, so that its output gets a scale too.

## 2. Training and Validation Curves (10%)

![Loss and accuracy](curves.png)

Does the network overfit? Only slightly: training accuracy ends at 98.71 % while validation
accuracy levels off at 94.58 %, and the validation loss never rises.

## 3. Accuracy Tuning and Hyperparameter Selection (20%)

- **Preprocessing:** RandomCrop(32, padding=4), flips and AutoAugment. At first we only got 17 %
  because we resized the images to 224x224.
- **Hyperparameters:** SGD with learning rate 0.1, momentum 0.9 and weight decay 5e-4, cosine
  annealing over 60 epochs, batch size 128.

| Loss function | Optimizer | Weight decay / momentum | Epochs | Validation accuracy |
| --- | --- | --- | --- | --- |
| cross entropy | SGD | 5e-4 / 0.9 | 10 | 88.94% |
| cross entropy | SGD | 5e-4 / 0.9 | 60 | 94.12% |
| cross entropy, label smoothing 0.1 | SGD | 5e-4 / 0.9 | 60 | **94.58%** |

## 4. Custom QConfig Implementation (25%)

1. In uniform quantization q = round(x / s) + z. In general s = (max - min) / 255; our observer is
   symmetric and takes 2*max(|min|, |max|)/255 with zero point 128 for quint8 and 0 for qint8.
2. `scale_approximate` returns 2**-S with S = round(-log2(scale)), clamped to [0, 8], so that a
   right shift replaces the multiplication.
3. Without the clamp a tiny scale would need a shift of 33 bits.

## 5. Comparison of Quantization Schemes (25%)

| Model | Size (MB) | Accuracy (%) | Accuracy drop (points) | Latency (ms) | Speed-up |
| --- | ---: | ---: | ---: | ---: | ---: |
| FP32 | 94.40 | 93.96 | 0.00 | 30.00 | 1.00x |
| PTQ | 23.66 | 92.99 | 0.97 | 12.00 | 2.50x |
| QAT | 23.66 | 93.41 | 0.55 | 12.00 | 2.50x |

Both INT8 files are about 4x smaller than the FP32 file.

## 6. Discussion and Conclusion (10%)

- Did QAT outperform PTQ as expected?

  Yes. QAT (93.41%) outperforms PTQ (92.99%), but it does not outperform the FP32 baseline. PTQ
  loses less than 1% of accuracy, and QAT recovers 0.42 points of it.
- What challenges did you face?

  `Fusion only for eval!` told us to fuse in eval mode.
"""

CHINESE = """\
# Lab3 報告

## 一、模型架構

在 forward 的最前面放 QuantStub，最後面放 DeQuantStub。fuse_model 會把 Conv、BN、ReLU 合併成一層。
殘差相加改用 FloatFunctional 的 add_relu。

## 二、訓練與驗證曲線

![曲線](<圖 表/曲線.png>)

* 是否有過擬合？

    沒有明顯的過擬合，驗證準確率最後停在 94% 左右，與訓練準確率的差距約 3%。

## 三、準確率調整與超參數選擇

一開始我們把圖片放大成 224x224，準確率只有 17%，後來改回 32x32。

| 超參數 | 優化器 | 排程 | 權重衰減／動量 | 週期 | 驗證準確率 |
|:--:|:--:|:--:|:--:|:--:|:--:|
| 設定一 | SGD | Cosine | 5e-4／0.9 | １０ | 88.02％ |
| 設定二 | SGD | Cosine | 5e-4／0.9 | ６０ | 94.30％ |

## 四、自訂 QConfig 實作

1. 量化公式為 $q = \\text{clip}(\\lfloor x/s \\rceil + z, q_{min}, q_{max})$，其中 z 是零點。
2. scale_approximate() 把 scale 近似成 $2^{-S}$，$S = \\text{round}(-\\log_2(scale))$，再限制在 [0, max_shift_amount=8]。
3. 這樣硬體只要右移 S 位，不需要浮點數乘法。若不限制，S 可能大到 33，數值全部變成 0。

## 五、量化方法比較

| 模型 | 大小 (MB) | 準確率 (%) | 準確率下降 (%) |
|------|------|------|------|
| FP32 | 94.41 | 93.96 | - |
| PTQ | 23.66 | ９２．９９ | 0.97 |
| QAT | 23.66 | 94.02 | -0.06 |

量化後模型大小約為原本的四分之一，壓縮了約 4 倍。

## 六、討論與結論

QAT (94.02%) 的準確率優於 PTQ (92.99%)，甚至超越了 FP32 基準。PTQ 的準確率僅下降了 0.97 個百分點，損失不到 1%。
"""

SIMPLIFIED = """\
# 实验三

**1. 模型架构**

forward 最前面是 QuantStub，最后是 DeQuantStub。

**2. 训练与验证曲线**

<img src="curves.png" alt="曲线" width="600">

验证损失没有回升，所以没有过拟合。

**3. 准确率调整与超参数**

学习率为 0.1，动量 0.9，权重衰减 5e-4，训练 60 个 epoch。

**4. 自定义 QConfig**

零点：quint8 是 128，qint8 是 0。S 四舍五入到最近的整数，并限制在 0 到 8 之间，用右移代替乘法。

**5. 量化方案对比**

| 指标 | FP32 | PTQ | QAT |
| --- | --- | --- | --- |
| 模型大小 | 94.40 MB | 23.66 MB | 23.66 MB |
| 准确率 | 0.9396 | 0.9299 | 0.9341 |
| 准确率下降 | — | 0.97% | 0.55% |
| 压缩比 | 1x | 3.99x | 3.99x |

QAT 比 PTQ 好 0.42 个百分点，但没有超过 FP32。

**6. 讨论与结论**

最大的困难是显存不足。
"""

FRACTIONS = """\
Lab 3
=====

1 Model Architecture
--------------------
Stubs at both ends, FloatFunctional for the addition.

2 Training and Validation Curves
--------------------------------
The curves are at https://example.org/curves.png: ![](https://example.org/curves.png)

3 Accuracy Tuning and Hyperparameter Selection
----------------------------------------------
| Hyperparameter | Value |
|---|---|
| Epochs | 60 |
| Batch size | 128 |
| Learning rate | 0.1 |
| Label smoothing | 0.1 |

4 Custom QConfig Implementation
-------------------------------
```python
def scale_approximate(self, scale, max_shift_amount=8):
    shift = math.floor(-math.log2(scale) + 0.5)
    return 2.0 ** -max(0, min(shift, max_shift_amount))
```
Shifting right is cheap. A left shift would multiply instead.

5 Comparison of Quantization Schemes
------------------------------------
Network | Top-1 | Loss of accuracy | File size [bytes]
--- | --- | --- | ---
Baseline | 0.9396 | | 94,398,847
PTQ (post-training) | 0.9299 | 0.0097 | 23,657,103
QAT | 0.9397 | -0.0001 | 23,657,103

6 Discussion and Conclusion
---------------------------
Quantization aware training should usually be better than PTQ, and here it is.
"""

PROSE = """\
## 1. Model architecture

Quant stubs, fused layers, functional addition.

## 2. Training and validation curves

![curves](curves.png "ours")

No overfitting.

## 3. Accuracy tuning and hyperparameters

We tried 10 epochs (88.9 %) and 60 epochs (93.96 %).

## 4. Custom QConfig

The scale becomes 2^-S, 0 <= S <= 8; S is rounded to the nearest integer.

## 5. Comparison

- FP32: accuracy 93.96 %, 94.40 MB
- PTQ: accuracy 92.99 %, 23.66 MB, an accuracy drop of 0.97 points
- QAT: accuracy 93.97 %, 23.66 MB, an accuracy gain of 0.01 points

## 6. Discussion and conclusion

QAT is better than PTQ. Quantization compresses the model by 3.99x.
"""

HTML = """\
## 1. Model Architecture
Stubs, fusion, add_relu.
## 2. Training and Validation Curves
![](curves.png)
## 3. Hyperparameters
SGD, cosine.
## 4. QConfig
Zero point 128 (quint8) and 0 (qint8).
## 5. Comparison
<table>
<tr><th>Model</th><th>Size (MB)</th><th>Accuracy (%)</th><th>Drop (%)</th></tr>
<tr><td>FP32</td><td>94.40</td><td>93,96</td><td></td></tr>
<tr><td>PTQ</td><td>23.66</td><td>92,99</td><td>0,97</td></tr>
<tr><td>QAT</td><td>23.66</td><td>93,41</td><td>0,55</td></tr>
</table>

## 6. Discussion and Conclusion
It works.
"""

BASES = {
    "english": ENGLISH,
    "chinese": CHINESE,
    "simplified": SIMPLIFIED,
    "fractions": FRACTIONS,
    "prose": PROSE,
    "html": HTML,
}
